// Which feature map suits a skill: by how well ridge regression over it says of some examples, each
// left out, what they were taught.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "core/skills/feature_map.h"
#include "core/skills/skill_sums.h"

namespace mixmatch {

// What one map reached.
struct MapQuality {
  FeatureMapKind map = FeatureMapKind::kEmbedding;
  size_t dimension = 0;
  double left_out = 0;  // share right; of a number the share of its variance that is explained
  size_t examples = 0;
};

// How well rows say what was taught, each left out.
struct RowsJudged {
  double quality = 0;        // share right; of a number the share of its variance that is explained
  std::vector<double> each;  // [n], whose mean it is: of each example by itself
};

// Judges rows x [n, D] with their lessons; `ridges` are tried, and the best one counts. Costs about
// n^2 D or n D^2 operations, whichever is less. kAnomaly has no lessons to be judged by:
// INVALID_ARGUMENT, as for no example.
absl::StatusOr<RowsJudged> JudgeRows(SkillKind kind, std::span<const Lesson> lessons,
                                     std::span<const float> x, size_t dimension,
                                     std::span<const double> ridges);

}  // namespace mixmatch
