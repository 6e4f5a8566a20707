// How well two encoders carry a skill: for the gate, which lets no skill get worse.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "core/encoder/encoder.h"
#include "core/generations/generation_store.h"
#include "core/skills/example_source.h"
#include "core/skills/skill.h"

namespace mixmatch {

// What ridge regression over the points of each encoder says of the same examples, at most 256,
// each left out, against what they were taught: the means of both, and the standard error of the
// paired difference. The tolerance is left to the gate. No value for a skill that has nothing to be
// judged by: an anomaly, fewer than 50 examples, or a front end, which no encoder has a part in.
absl::StatusOr<std::optional<GateScore>> ScoreSkill(const SkillSpec& spec,
                                                    const std::map<ExampleId, Lesson>& lessons,
                                                    const ExampleSource& source,
                                                    const Encoder& candidate,
                                                    const Encoder& serving);

}  // namespace mixmatch
