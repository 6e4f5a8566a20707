// Between the API's messages and core's types, for skills.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "core/skills/skill.h"
#include "mixmatch/v1/skills.pb.h"
#include "server/skill_keeper.h"

namespace mixmatch {

// INVALID_ARGUMENT names the field.
absl::StatusOr<SkillSpec> FromProto(const v1::Skill& skill);
v1::Skill ToProto(const SkillState& state);
v1::Skill::FeatureMap ToProto(FeatureMapKind map);

// What an example is taught to be, where labels and number fit the skill's kind. INVALID_ARGUMENT
// names the field below `field`.
absl::StatusOr<Lesson> LessonFromProto(
    const SkillSpec& spec, const google::protobuf::RepeatedPtrField<std::string>& labels,
    double number, const std::string& field);

}  // namespace mixmatch
