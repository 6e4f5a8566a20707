// Skills and teachings to and from their records.
#pragma once

#include "absl/status/status.h"
#include "core/skills/skill.h"
#include "storage/records.pb.h"

namespace mixmatch::codec {

// Errors say in a few words what cannot be; the caller names the key.
void EncodeSkill(const SkillSpec& spec, storage::v1::SkillRecord& record);
absl::Status DecodeSkill(uint64_t id, const storage::v1::SkillRecord& record, SkillSpec& spec);

void EncodeTeaching(const Teaching& teaching, storage::v1::TeachingRecord& record);
// Empties the record's data.
absl::Status DecodeTeaching(ExampleId example, storage::v1::TeachingRecord& record,
                            Teaching& teaching);

}  // namespace mixmatch::codec
