// The numbers must fill the shape, before writing and after reading.
#include "storage/codec/features_codec.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace mixmatch::codec {
namespace {

// Bytes of one number of a kind's features; 0 for an unknown kind.
size_t FeatureBytes(PayloadKind kind) {
  switch (kind) {
    case PayloadKind::kImage:
    case PayloadKind::kAudio:
    case PayloadKind::kVideo:
      return sizeof(uint8_t);
    case PayloadKind::kText:
    case PayloadKind::kSeries:
    case PayloadKind::kVector:
      return sizeof(uint32_t);
  }
  return 0;
}

}  // namespace

absl::Status CheckFeatures(const Features& features) {
  const size_t bytes_each = FeatureBytes(features.kind);
  if (bytes_each == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown payload kind ", static_cast<int>(features.kind)));
  }
  size_t count = 1;
  for (const uint32_t extent : features.shape) count *= extent;
  if (features.shape.empty() || count * bytes_each != features.bytes.size()) {
    return absl::InvalidArgumentError(absl::StrCat(features.bytes.size(), " bytes for ", count,
                                                   " numbers of ", bytes_each, " bytes each"));
  }
  return absl::OkStatus();
}

void EncodeFeatures(ModalityId modality, Features features, storage::v1::FeaturesRecord& record) {
  record.set_modality_id(modality);
  record.set_kind(static_cast<uint32_t>(features.kind));
  record.set_front_end_version(features.front_end_version);
  record.set_content_high(features.content.high);
  record.set_content_low(features.content.low);
  record.mutable_shape()->Assign(features.shape.begin(), features.shape.end());
  record.set_data(std::move(features.bytes));
}

absl::Status DecodeFeatures(storage::v1::FeaturesRecord& record, ModalityId& modality,
                            Features& features) {
  modality = record.modality_id();
  features.kind = static_cast<PayloadKind>(record.kind());
  features.front_end_version = record.front_end_version();
  features.content = {.high = record.content_high(), .low = record.content_low()};
  features.shape.assign(record.shape().begin(), record.shape().end());
  features.bytes = std::move(*record.mutable_data());
  return CheckFeatures(features);
}

}  // namespace mixmatch::codec
