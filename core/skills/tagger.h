// A skill that gives things any number of labels, each with a confidence of its own.
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
class Tagger final : public SolvedSkill {
 public:
  // From sums over examples of any number of labels and a sample of them. `like` as in
  // SolveSkill(). Errors as SolveRidge().
  static absl::StatusOr<std::shared_ptr<const Tagger>> Solve(const Moments& moments,
                                                             const Responses& responses,
                                                             const ExampleSample& sample,
                                                             const SolveSettings& settings,
                                                             const Tagger* like = nullptr);

  Prediction Predict(std::span<const float> x, size_t scores_max,
                     size_t examples_max) const override;
  const SolveChoice& choice() const override { return choice_; }

 private:
  // What a score means: confidence = 1 / (1 + exp(-(slope * score + offset))).
  struct Curve {
    double slope = 10;
    double offset = -5;
  };

  Tagger() = default;
  // Logistic regression of each label on its left-out scores [n, L] (J. Platt, "Probabilistic
  // outputs for support vector machines", 1999, with his softened targets).
  void Calibrate(const Sampled& sampled, std::span<const float> scores);

  SolveSettings settings_;
  SolveChoice choice_;
  LinearMap map_;
  std::vector<Curve> curves_;       // [L]
  std::vector<int> curve_outputs_;  // [L]
  std::vector<uint64_t> examples_;  // of the sample
  Familiarity familiarity_;         // to the sample
};

}  // namespace mixmatch
