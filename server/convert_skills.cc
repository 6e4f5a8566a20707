// Field by field, in the order of the protos.
#include "server/convert_skills.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert.h"

namespace mixmatch {
namespace {

constexpr size_t kNameBytesMax = 64;
constexpr size_t kModalitiesMax = 16;
constexpr size_t kLabelBytesMax = 256;
constexpr int kLabelsMax = 64;
constexpr double kNumberMax = 1e30;  // of a taught number: its square is far inside a double

bool IsName(const std::string& name) {
  return !name.empty() && name.size() <= kNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                  c == '-';
         });
}

SkillKind KindOf(v1::Skill::Kind kind) {
  switch (kind) {
    case v1::Skill::LABELS:
      return SkillKind::kLabels;
    case v1::Skill::NUMBER:
      return SkillKind::kNumber;
    case v1::Skill::ANOMALY:
      return SkillKind::kAnomaly;
    default:
      return SkillKind::kLabel;
  }
}

v1::Skill::Kind ToProto(SkillKind kind) {
  switch (kind) {
    case SkillKind::kLabel:
      return v1::Skill::LABEL;
    case SkillKind::kLabels:
      return v1::Skill::LABELS;
    case SkillKind::kNumber:
      return v1::Skill::NUMBER;
    case SkillKind::kAnomaly:
      return v1::Skill::ANOMALY;
  }
  return v1::Skill::KIND_UNSPECIFIED;
}

}  // namespace

v1::Skill::FeatureMap ToProto(FeatureMapKind map) {
  switch (map) {
    case FeatureMapKind::kEmbedding:
      return v1::Skill::EMBEDDING;
    case FeatureMapKind::kRandom:
      return v1::Skill::RANDOM_FEATURES;
    case FeatureMapKind::kFrontEnd:
      return v1::Skill::FRONT_END;
    case FeatureMapKind::kChosen:
      break;
  }
  return v1::Skill::FEATURE_MAP_UNSPECIFIED;
}

absl::StatusOr<SkillSpec> FromProto(const v1::Skill& skill) {
  if (!IsName(skill.name())) {
    return InvalidField("skill.name",
                        absl::StrCat("skill not made: '", skill.name().substr(0, kNameBytesMax),
                                     "' is no name; give 1 to 64 characters of [a-z0-9_.-]"));
  }
  SkillSpec spec{.name = skill.name(),
                 .kind = KindOf(skill.kind()),
                 .modalities = {skill.modalities().begin(), skill.modalities().end()}};
  if (!v1::Skill::Kind_IsValid(skill.kind())) {
    return InvalidField("skill.kind", absl::StrCat("skill not made: unknown kind ",
                                                   static_cast<int>(skill.kind())));
  }
  if (spec.modalities.size() > kModalitiesMax ||
      !std::all_of(spec.modalities.begin(), spec.modalities.end(), IsName)) {
    return InvalidField("skill.modalities",
                        "skill not made: give at most 16 names of modalities, of [a-z0-9_.-]");
  }
  switch (skill.feature_map()) {
    case v1::Skill::FEATURE_MAP_UNSPECIFIED:
      break;
    case v1::Skill::EMBEDDING:
      spec.map = FeatureMapKind::kEmbedding;
      break;
    case v1::Skill::RANDOM_FEATURES:
      spec.map = FeatureMapKind::kRandom;
      break;
    case v1::Skill::FRONT_END:
      spec.map = FeatureMapKind::kFrontEnd;
      if (spec.modalities.size() != 1) {
        return InvalidField("skill.modalities",
                            absl::StrCat("skill not made: a front end looks at one modality, not ",
                                         spec.modalities.size(), "; name it"));
      }
      break;
    default:
      return InvalidField("skill.feature_map", absl::StrCat("skill not made: unknown feature map ",
                                                            static_cast<int>(skill.feature_map())));
  }
  return spec;
}

v1::Skill ToProto(const SkillState& state) {
  v1::Skill skill;
  skill.set_name(state.spec.name);
  skill.set_kind(ToProto(state.spec.kind));
  skill.mutable_modalities()->Add(state.spec.modalities.begin(), state.spec.modalities.end());
  skill.set_feature_map(ToProto(state.spec.map));
  *skill.mutable_create_time() = ToProto(state.spec.create_time);
  skill.set_example_count(state.example_count);
  for (const auto& [label, count] : state.label_counts) {
    v1::LabelCount& added = *skill.add_labels();
    added.set_label(label);
    added.set_example_count(count);
  }
  if (state.solution == nullptr) return skill;
  const SkillSolution& solution = *state.solution;
  const SolveChoice& choice = solution.solved->choice();
  v1::SkillSolution& out = *skill.mutable_solution();
  out.set_feature_map(ToProto(solution.map->kind()));
  out.set_dimension(static_cast<uint32_t>(solution.map->dimension()));
  out.set_method(choice.method);
  out.set_ridge(choice.ridge);
  out.set_left_out(choice.method == "nearest" ? choice.left_out_nearest : choice.left_out);
  for (const MapQuality& quality : solution.tried) {
    v1::FeatureMapQuality& added = *out.add_tried();
    added.set_feature_map(ToProto(quality.map));
    added.set_dimension(static_cast<uint32_t>(quality.dimension));
    added.set_left_out(quality.left_out);
    added.set_example_count(quality.examples);
  }
  out.set_generation(solution.generation);
  out.set_example_count(solution.examples);
  out.set_settled(solution.settled && state.current);
  return skill;
}

absl::StatusOr<Lesson> LessonFromProto(
    const SkillSpec& spec, const google::protobuf::RepeatedPtrField<std::string>& labels,
    double number, const std::string& field) {
  const int least = spec.kind == SkillKind::kLabel ? 1 : 0;
  const bool has_labels = spec.kind == SkillKind::kLabel || spec.kind == SkillKind::kLabels;
  const int most = spec.kind == SkillKind::kLabel ? 1 : (has_labels ? kLabelsMax : 0);
  if (labels.size() < least || labels.size() > most) {
    return InvalidField(absl::StrCat(field, ".labels"),
                        absl::StrCat("not taught: ", labels.size(), " labels; skill ", spec.name,
                                     least == most ? absl::StrCat(" takes ", most)
                                                   : absl::StrCat(" takes up to ", most)));
  }
  if (!(std::abs(number) <= kNumberMax) || (spec.kind != SkillKind::kNumber && number != 0)) {
    return InvalidField(absl::StrCat(field, ".number"),
                        absl::StrCat("not taught: ", number, " is no number for skill ", spec.name,
                                     "; give one of at most 1e30 to a skill of numbers alone"));
  }
  Lesson lesson{.labels = {labels.begin(), labels.end()}, .number = number};
  std::sort(lesson.labels.begin(), lesson.labels.end());
  for (size_t i = 0; i < lesson.labels.size(); ++i) {
    const std::string& label = lesson.labels[i];
    if (label.empty() || label.size() > kLabelBytesMax ||
        (i > 0 && label == lesson.labels[i - 1])) {
      return InvalidField(
          absl::StrCat(field, ".labels"),
          absl::StrCat("not taught: a label of ", label.size(),
                       " bytes, or one twice; give different ones of 1 to 256 bytes"));
    }
  }
  return lesson;
}

}  // namespace mixmatch
