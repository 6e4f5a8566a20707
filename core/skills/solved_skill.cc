// Which class solves which kind.
#include "core/skills/solved_skill.h"

#include "core/skills/classifier.h"
#include "core/skills/novelty.h"
#include "core/skills/regressor.h"
#include "core/skills/tagger.h"

namespace mixmatch {

absl::StatusOr<std::shared_ptr<const SolvedSkill>> SolveSkill(
    SkillKind kind, const Moments& moments, const Responses& responses, const ExampleSample& sample,
    const SolveSettings& settings, const SolvedSkill* like) {
  switch (kind) {
    case SkillKind::kLabel:
      return Classifier::Solve(moments, responses, sample, settings,
                               dynamic_cast<const Classifier*>(like));
    case SkillKind::kLabels:
      return Tagger::Solve(moments, responses, sample, settings, dynamic_cast<const Tagger*>(like));
    case SkillKind::kNumber:
      return Regressor::Solve(moments, responses, sample, settings,
                              dynamic_cast<const Regressor*>(like));
    case SkillKind::kAnomaly:
      return Novelty::Solve(sample, moments.dimension(), settings);
  }
  return absl::InternalError("skill: unknown kind");
}

}  // namespace mixmatch
