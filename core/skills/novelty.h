// A skill that tells what is unlike everything taught.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/familiarity.h"
#include "core/skills/solved_skill.h"

namespace mixmatch {

// Thread-safety: Immutable once made; safe to share.
class Novelty final : public SolvedSkill {
 public:
  // FAILED_PRECONDITION without an example.
  static absl::StatusOr<std::shared_ptr<const Novelty>> Solve(const ExampleSample& sample,
                                                              size_t dimension,
                                                              const SolveSettings& settings);

  Prediction Predict(std::span<const float> x, size_t scores_max,
                     size_t examples_max) const override;
  const SolveChoice& choice() const override { return choice_; }

 private:
  Novelty() = default;

  SolveSettings settings_;
  SolveChoice choice_;
  std::vector<uint64_t> examples_;
  Familiarity familiarity_;
};

}  // namespace mixmatch
