// Ready-made features → [D]: the front end of vectors, which only checks and copies.
//
// Takes the numbers of an event; gives features to storage and core/encoder.
#pragma once

#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/senses/features.h"

namespace mixmatch {

// `content` is left for the caller. INVALID_ARGUMENT (field "vector.values") when there is no
// number or one is not finite. Thread-safe.
absl::StatusOr<Features> VectorFeatures(const VectorPayload& vector);

}  // namespace mixmatch
