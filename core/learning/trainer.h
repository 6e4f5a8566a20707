// The trainer: the learner's own weights, the optimiser and the averaged (EMA) copy; one call is
// one optimiser step over a batch of episodes. Mix and match as DESIGN: contrastive, symmetric
// InfoNCE between the percepts of one episode and between complementary subsets of it, identical
// content neutral.
//
// Takes batches from core/learning/learner.h; gives averaged encoders to core/generations.
// Deliberately does not choose what to train on, and knows no storage.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/encoder/encoder.h"
#include "core/learning/contrast.h"
#include "core/learning/training_source.h"

namespace mixmatch {

struct TrainerConfig {
  std::string device = "auto";  // "auto", "cpu", "cuda:0"
  // Of products of matrices: "fp32"; "bf16", rounded to bfloat16 with sums in fp32; "auto": bf16
  // on a CPU that is faster in it (AMX; AVX512-BF16 of AMD). Weights and updates are always fp32.
  std::string precision = "auto";
  int percepts_max = 16;  // of one episode that a step looks at
  // The optimiser's and the loss's settings have defaults in trainer.cc's struct of
  // hyper-parameters; they are part of the design, not of the configuration.
};

struct StepResult {
  double loss = 0;         // mean over the terms that had positives
  uint64_t positives = 0;  // pairs that were pulled together; 0 means nothing to learn from
  // The same by kind of pair: "image -> audio", "mixture", "image views". Unweighted means.
  std::vector<PairLoss> pairs;
};

// Thread-safety: Not thread-safe: one owner thread.
class Trainer {
 public:
  virtual ~Trainer() = default;

  // A trainer that starts from the seeded encoder.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(const ModelConfig& model,
                                                         const TrainerConfig& config);

  // A trainer that goes on where Checkpoint() was called: weights, optimiser, EMA, random state.
  // DATA_LOSS when damaged; FAILED_PRECONDITION when it belongs to another architecture.
  static absl::StatusOr<std::unique_ptr<Trainer>> Restore(const ModelConfig& model,
                                                          const TrainerConfig& config,
                                                          std::string_view checkpoint);
  virtual std::string Checkpoint() const = 0;

  // One optimiser step. Deterministic in (state, batch, settled) with one thread. A batch without
  // any positive pair changes nothing and reports positives = 0. `settled`: how many steps in a
  // row, before this one, saw nothing new; then the average looks back further, over a third of
  // them.
  virtual absl::StatusOr<StepResult> Step(std::span<const TrainingEpisode> batch,
                                          uint64_t settled = 0) = 0;

  // An immutable copy of the averaged weights: what is judged and published.
  virtual absl::StatusOr<std::shared_ptr<const Encoder>> Averaged() const = 0;

  virtual uint64_t steps() const = 0;
  virtual uint64_t parameter_count() const = 0;
  // "cpu", "cuda:0".
  virtual std::string device() const = 0;
  // "fp32", "bf16": what the products are computed in.
  virtual std::string precision() const = 0;
};

}  // namespace mixmatch
