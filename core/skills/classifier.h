// A skill that names things: one label out of those that were taught, with a confidence that means
// what it says, "unknown" where it is, and the taught examples that speak for it.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/familiarity.h"
#include "core/skills/sampled.h"
#include "core/skills/solve.h"
#include "core/skills/solved_skill.h"

namespace mixmatch {

// Thread-safety: Immutable once made; safe to share.
class Classifier final : public SolvedSkill {
 public:
  // From sums over examples of one label each and a sample of them. `like` as in SolveSkill().
  // Errors as SolveRidge().
  static absl::StatusOr<std::shared_ptr<const Classifier>> Solve(const Moments& moments,
                                                                 const Responses& responses,
                                                                 const ExampleSample& sample,
                                                                 const SolveSettings& settings,
                                                                 const Classifier* like = nullptr);

  Prediction Predict(std::span<const float> x, size_t scores_max,
                     size_t examples_max) const override;
  const SolveChoice& choice() const override { return choice_; }

 private:
  Classifier() = default;

  // Ridge and method, by what each sampled example says without itself.
  absl::Status Choose(const Moments& moments, const Responses& responses, const Sampled& sampled);
  void ChooseMethod(const Moments& moments, const Responses& responses);
  // Logarithms of probabilities but for a shared number: [L]. `similarities` to the sample's
  // examples are needed for "nearest"; the one at `except` does not count.
  std::vector<double> ScoresOf(std::span<const float> x, std::span<const float> similarities,
                               size_t except) const;
  void Calibrate(const Sampled& sampled);

  SolveSettings settings_;
  SolveChoice choice_;
  LinearMap map_;
  double sharpness_ = 1;            // that scores are multiplied with
  std::vector<uint64_t> examples_;  // of the sample
  std::vector<size_t> labels_;      // [n]: place in map_.outputs
  Familiarity familiarity_;         // to the sample
};

}  // namespace mixmatch
