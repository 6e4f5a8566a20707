// Records by id; teachings by skill and example.
#include "storage/skill_table.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/skill_codec.h"
#include "storage/database_impl.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

absl::Status Damaged(std::string_view family, std::string_view key, const absl::Status& status) {
  return codec::Damaged(family, key,
                        std::string_view(status.message().data(), status.message().size()));
}

}  // namespace

absl::StatusOr<std::vector<SkillSpec>> SkillTable::List() const {
  const auto it = database_->impl().Iterate(Family::kSkills);
  std::vector<SkillSpec> specs;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = it->key().ToStringView();
    storage::v1::SkillRecord record;
    MM_RETURN_IF_ERROR(codec::Decode("skills", key, it->value().ToStringView(), record));
    const absl::Status status =
        codec::DecodeSkill(keys::LastNumber(key), record, specs.emplace_back());
    if (!status.ok()) return Damaged("skills", key, status);
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "skills not read"));
  return specs;
}

absl::Status SkillTable::Create(const SkillSpec& spec) {
  storage::v1::SkillRecord record;
  codec::EncodeSkill(spec, record);
  rocksdb::WriteBatch batch;
  database_->impl().Put(Family::kSkills, keys::Number(spec.id), record, batch);
  return database_->impl().Write(batch, WriteMode::kSynced,
                                 absl::StrCat("skill not stored: ", spec.name));
}

absl::Status SkillTable::Delete(uint64_t skill) {
  const Database::Impl& db = database_->impl();
  rocksdb::WriteBatch batch;
  batch.Delete(db.handle(Family::kSkills), keys::Number(skill)).PermitUncheckedError();
  batch.DeleteRange(db.handle(Family::kTeachings), keys::Number(skill), keys::Number(skill + 1))
      .PermitUncheckedError();
  return db.Write(batch, WriteMode::kSynced, "skill not deleted");
}

absl::Status SkillTable::Put(uint64_t skill, std::span<const Teaching> teachings) {
  rocksdb::WriteBatch batch;
  for (const Teaching& teaching : teachings) {
    storage::v1::TeachingRecord record;
    codec::EncodeTeaching(teaching, record);
    database_->impl().Put(Family::kTeachings, keys::TeachingOf(skill, teaching.example), record,
                          batch);
  }
  return database_->impl().Write(batch, WriteMode::kSynced, "teachings not stored");
}

absl::Status SkillTable::Remove(uint64_t skill, std::span<const ExampleId> examples) {
  const Database::Impl& db = database_->impl();
  rocksdb::WriteBatch batch;
  for (const ExampleId example : examples) {
    batch.Delete(db.handle(Family::kTeachings), keys::TeachingOf(skill, example))
        .PermitUncheckedError();
  }
  return db.Write(batch, WriteMode::kSynced, "teachings not removed");
}

absl::StatusOr<Teaching> SkillTable::Get(uint64_t skill, ExampleId example) const {
  const std::string key = keys::TeachingOf(skill, example);
  storage::v1::TeachingRecord record;
  MM_RETURN_IF_ERROR(database_->impl().Get(Family::kTeachings, key, record));
  Teaching teaching;
  const absl::Status status = codec::DecodeTeaching(example, record, teaching);
  if (!status.ok()) return Damaged("teachings", key, status);
  return teaching;
}

absl::Status SkillTable::Scan(uint64_t skill, ExampleId first, size_t limit,
                              std::vector<Teaching>& teachings) const {
  const std::string end = keys::Number(skill + 1);
  const rocksdb::Slice upper(end);
  const auto it = database_->impl().Iterate(Family::kTeachings, &upper);
  size_t read = 0;
  for (it->Seek(keys::TeachingOf(skill, first)); it->Valid() && read < limit; it->Next(), ++read) {
    const std::string_view key = it->key().ToStringView();
    storage::v1::TeachingRecord record;
    MM_RETURN_IF_ERROR(codec::Decode("teachings", key, it->value().ToStringView(), record));
    const absl::Status status =
        codec::DecodeTeaching(keys::LastNumber(key), record, teachings.emplace_back());
    if (!status.ok()) return Damaged("teachings", key, status);
  }
  return FromRocks(it->status(), "teachings not read");
}

}  // namespace mixmatch
