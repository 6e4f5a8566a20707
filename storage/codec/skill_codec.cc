// Fresh percepts are kept as an event's are: header, payloads, features.
#include "storage/codec/skill_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"

namespace mixmatch::codec {

void EncodeSkill(const SkillSpec& spec, storage::v1::SkillRecord& record) {
  record.set_name(spec.name);
  record.set_kind(static_cast<uint32_t>(spec.kind));
  for (const std::string& modality : spec.modalities) record.add_modalities(modality);
  record.set_feature_map(static_cast<uint32_t>(spec.map));
  record.set_create_time_ns(ToNanos(spec.create_time));
}

absl::Status DecodeSkill(uint64_t id, const storage::v1::SkillRecord& record, SkillSpec& spec) {
  if (record.kind() > static_cast<uint32_t>(SkillKind::kAnomaly) ||
      record.feature_map() > static_cast<uint32_t>(FeatureMapKind::kFrontEnd)) {
    return absl::DataLossError(absl::StrCat("kind ", record.kind(), " and feature map ",
                                            record.feature_map(), " are not known"));
  }
  spec = {.id = id,
          .name = record.name(),
          .kind = static_cast<SkillKind>(record.kind()),
          .modalities = {record.modalities().begin(), record.modalities().end()},
          .map = static_cast<FeatureMapKind>(record.feature_map()),
          .create_time = FromNanos(record.create_time_ns())};
  return absl::OkStatus();
}

void EncodeTeaching(const Teaching& teaching, storage::v1::TeachingRecord& record) {
  for (const std::string& label : teaching.lesson.labels) record.add_labels(label);
  record.set_number(teaching.lesson.number);
  if (teaching.fresh.empty()) return;
  Event event;
  for (const FreshPercept& fresh : teaching.fresh) {
    event.percepts.push_back(fresh.percept);
    EncodeFeatures(0, fresh.features, *record.add_features());
  }
  if (!EncodeEvent(event, *record.mutable_fresh(), *record.mutable_payload())) {
    record.clear_payload();
  }
}

absl::Status DecodeTeaching(ExampleId example, storage::v1::TeachingRecord& record,
                            Teaching& teaching) {
  teaching = {.example = example,
              .lesson = {.labels = {record.labels().begin(), record.labels().end()},
                         .number = record.number()}};
  if (!record.has_fresh()) return absl::OkStatus();
  Event event;
  MM_RETURN_IF_ERROR(DecodeHeader(record.fresh(), event));
  if (HasPayloadApart(record.fresh())) {
    MM_RETURN_IF_ERROR(DecodePayload(record.fresh(), record.payload(), event));
  }
  if (record.features_size() != static_cast<int>(event.percepts.size())) {
    return absl::DataLossError(
        absl::StrCat(record.features_size(), " features of ", event.percepts.size(), " percepts"));
  }
  for (size_t i = 0; i < event.percepts.size(); ++i) {
    FreshPercept& fresh = teaching.fresh.emplace_back();
    fresh.percept = std::move(event.percepts[i]);
    ModalityId modality = 0;
    MM_RETURN_IF_ERROR(
        DecodeFeatures(*record.mutable_features(static_cast<int>(i)), modality, fresh.features));
  }
  return absl::OkStatus();
}

}  // namespace mixmatch::codec
