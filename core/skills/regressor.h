// A skill that tells a number.
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
class Regressor final : public SolvedSkill {
 public:
  // From sums over examples with one number each, output 0, and a sample of them. `like` as in
  // SolveSkill(). Errors as SolveRidge().
  static absl::StatusOr<std::shared_ptr<const Regressor>> Solve(const Moments& moments,
                                                                const Responses& responses,
                                                                const ExampleSample& sample,
                                                                const SolveSettings& settings,
                                                                const Regressor* like = nullptr);

  Prediction Predict(std::span<const float> x, size_t scores_max,
                     size_t examples_max) const override;
  const SolveChoice& choice() const override { return choice_; }

 private:
  Regressor() = default;

  SolveSettings settings_;
  SolveChoice choice_;
  LinearMap map_;
  std::vector<uint64_t> examples_;
  Familiarity familiarity_;
};

}  // namespace mixmatch
