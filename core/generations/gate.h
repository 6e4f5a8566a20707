// The gate: a candidate serves only when it is not worse than what serves, on episodes that neither
// was trained on.
//
// Takes probes from a TrainingSource and two encoders; gives a verdict with its reasons.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/encoder/encoder.h"
#include "core/generations/generation_store.h"
#include "core/learning/training_source.h"

namespace mixmatch {

struct Verdict {
  bool publish = false;
  std::string reason;
  std::vector<GateScore> scores;
};

struct GateConfig {
  // At most this many probes are judged, spread evenly over the order of closing. Bounds memory and
  // time, since every one is loaded with its features.
  size_t probes_max = 512;
};

// Contrastive loss of an encoder on probes; NOT_FOUND when they hold no positive pair. In the
// daemon this is Trainer::ProbeLoss.
using ProbeLoss =
    std::function<absl::StatusOr<double>(const Encoder&, std::span<const TrainingEpisode>)>;

// Judges `candidate` against `serving` on the same probes: it passes when its loss is not higher.
// While there are no probes there is nothing to be worse on: it passes, and the reason says so.
absl::StatusOr<Verdict> Judge(const GateConfig& config, const TrainingSource& source,
                              const ProbeLoss& loss, const Encoder& candidate,
                              const Encoder& serving);

}  // namespace mixmatch
