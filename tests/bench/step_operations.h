// How many floating-point operations a training step needs: counted from the shapes of its matrix
// products and convolutions (2 for a multiplication and its addition), backward = twice forward.
// Norms, activations, softmax, the optimiser and augmentation are work too, and count as none.
#pragma once

#include <cstdint>

#include "core/encoder/encoder.h"
#include "core/learning/batch.h"

namespace mixmatch {

// Operations of one training step of a plan over images, sound and text.
double StepOperations(const ModelConfig& config, const BatchPlan& plan);

}  // namespace mixmatch
