// The encoder: features of any mixture of percepts → tokens → one shared attention pass → a unit
// vector. Takes features from core/senses; gives embeddings to whoever serves or judges.
//
// An Encoder is what is published: weights that never change. core/learning trains a copy of its
// own. Deliberately knows no storage, no generations and no optimiser.
//
// Letters: B batch, T tokens, D width, H heads, E embedding.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/senses/features.h"

namespace mixmatch {

// One percept of a mixture. Borrows both for the duration of the call.
struct MixturePercept {
  const ModalitySpec* modality = nullptr;
  const Features* features = nullptr;
};

// The percepts that are embedded together, in one attention pass; their order does not matter.
using Mixture = std::vector<MixturePercept>;

// The architecture. Belongs to a generation: two models of different shape share nothing.
struct ModelConfig {
  std::string preset = "nano";
  int width = 128;      // D
  int layers = 2;       // attention blocks
  int heads = 4;        // H
  int embedding = 128;  // E
  uint64_t seed = 1;    // of every parameter's initial value
};

// Returns the architecture of "nano", "small" or "base"; INVALID_ARGUMENT for another name.
absl::StatusOr<ModelConfig> ModelConfigOf(std::string_view preset, uint64_t seed);

// Thread-safety: Immutable; safe to share. (Parameters of a modality not seen before are made from
// hash(seed, name, shape) when first asked for, so every copy makes the same ones.)
class Encoder {
 public:
  virtual ~Encoder() = default;

  // The seeded, untrained encoder: generation 0. Every parameter is a function of config.seed.
  static absl::StatusOr<std::shared_ptr<const Encoder>> Create(const ModelConfig& config);

  // The encoder that Serialize() wrote. DATA_LOSS when the checksum or structure is wrong.
  static absl::StatusOr<std::shared_ptr<const Encoder>> Deserialize(std::string_view bytes);

  // Weights and architecture, in a checksummed format of our own (never pickle).
  virtual std::string Serialize() const = 0;

  virtual const ModelConfig& config() const = 0;
  // Trainable parameters made so far.
  virtual uint64_t parameter_count() const = 0;

  // Embeds mixtures: `out` receives [mixtures.size(), E] row-major unit vectors. Each mixture has
  // at least one percept. The result of a mixture does not depend on its neighbours in the batch
  // (up to float rounding). INVALID_ARGUMENT for features that do not fit their modality; INTERNAL
  // when a number is not finite. Computes on the calling thread's OpenMP team; blocks; call with
  // batches of at most a few hundred.
  virtual absl::Status Embed(std::span<const Mixture> mixtures, std::span<float> out) const = 0;
};

// Sets how many threads tensor work of the calling thread uses, at least 1.
void SetComputeThreads(int threads);

// Measures an fp32 matrix product on the calling thread: GFLOP/s. Takes about 50 ms.
double MeasureMatmulGflops();

}  // namespace mixmatch
