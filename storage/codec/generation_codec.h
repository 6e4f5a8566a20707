// Records of generations to and from what is stored.
#pragma once

#include "absl/status/status.h"
#include "core/generations/generation_store.h"
#include "storage/records.pb.h"

namespace mixmatch::codec {

void EncodeGeneration(const GenerationRecord& generation,
                      storage::v1::GenerationRecordValue& record);
// The error says in a few words what cannot be; the caller names the key.
absl::Status DecodeGeneration(Generation number, const storage::v1::GenerationRecordValue& record,
                              GenerationRecord& generation);

}  // namespace mixmatch::codec
