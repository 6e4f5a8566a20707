// Features to and from their records.
#pragma once

#include "absl/status/status.h"
#include "core/base/ids.h"
#include "core/senses/features.h"
#include "storage/records.pb.h"

namespace mixmatch::codec {

// INVALID_ARGUMENT when the numbers do not fill the shape, or the kind is unknown.
absl::Status CheckFeatures(const Features& features);
void EncodeFeatures(ModalityId modality, Features features, storage::v1::FeaturesRecord& record);
// Empties the record's data.
absl::Status DecodeFeatures(storage::v1::FeaturesRecord& record, ModalityId& modality,
                            Features& features);

}  // namespace mixmatch::codec
