// Records by number; weights in chunks, made visible by a manifest that is written last.
#include "storage/generation_table.h"

#include <rocksdb/snapshot.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/generation_codec.h"
#include "storage/database_impl.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

// Weights share the log that every acknowledgement syncs, so they go in small pieces.
constexpr size_t kChunkBytes = 1 << 20;

std::string Name(std::string_view name) { return std::string(name); }

// Adds the removal of all chunks of versions [from, to) to a batch.
void DeleteChunks(const Database::Impl& db, std::string_view name, uint64_t from, uint64_t to,
                  rocksdb::WriteBatch& batch) {
  batch
      .DeleteRange(db.handle(Family::kWeights), keys::WeightsChunk(name, from, 0),
                   keys::WeightsChunk(name, to, 0))
      .PermitUncheckedError();
}

}  // namespace

absl::StatusOr<std::vector<GenerationRecord>> GenerationTable::ListRecords() const {
  const auto it = database_->impl().Iterate(Family::kGenerations);
  std::vector<GenerationRecord> records;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = it->key().ToStringView();
    storage::v1::GenerationRecordValue value;
    MM_RETURN_IF_ERROR(codec::Decode("generations", key, it->value().ToStringView(), value));
    const absl::Status status =
        codec::DecodeGeneration(keys::LastNumber(key), value, records.emplace_back());
    if (!status.ok()) {
      return codec::Damaged("generations", key,
                            std::string_view(status.message().data(), status.message().size()));
    }
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "generations not read"));
  return records;
}

absl::Status GenerationTable::PutRecords(std::span<const GenerationRecord> records) {
  rocksdb::WriteBatch batch;
  for (const GenerationRecord& record : records) {
    storage::v1::GenerationRecordValue value;
    codec::EncodeGeneration(record, value);
    database_->impl().Put(Family::kGenerations, keys::Number(record.number), value, batch);
  }
  return database_->impl().Write(batch, WriteMode::kSynced, "generations not stored");
}

absl::Status GenerationTable::PutWeights(std::string_view name, std::string_view bytes) {
  const Database::Impl& db = database_->impl();
  const std::string what = absl::StrCat("weights not stored: ", Name(name));
  const absl::MutexLock lock(&weights_mu_);
  storage::v1::ManifestRecord manifest;
  absl::Status status = db.Get(Family::kWeights, keys::WeightsManifest(name), manifest);
  // Over a damaged manifest is written as over none: its version is unknown, so that the new one
  // starts at 1 and removes whatever chunks there are.
  if (!status.ok() && !absl::IsNotFound(status) && !absl::IsDataLoss(status)) return status;
  const uint64_t old_version = status.ok() ? manifest.version() : 0;
  const uint64_t version = old_version + 1;

  rocksdb::WriteBatch batch;
  // Left over from a crash between the chunks and the manifest.
  DeleteChunks(db, name, version, ~uint64_t{0}, batch);
  manifest.Clear();
  for (size_t offset = 0; offset < bytes.size(); offset += kChunkBytes) {
    storage::v1::ChunkRecord chunk;
    chunk.set_data(Name(bytes.substr(offset, kChunkBytes)));
    db.Put(Family::kWeights, keys::WeightsChunk(name, version, manifest.chunk_count()), chunk,
           batch);
    manifest.set_chunk_count(manifest.chunk_count() + 1);
    MM_RETURN_IF_ERROR(db.Write(batch, WriteMode::kBuffered, what));
    batch.Clear();
  }
  manifest.set_version(version);
  manifest.set_size_bytes(bytes.size());
  manifest.set_checksum(codec::Checksum(bytes));
  db.Put(Family::kWeights, keys::WeightsManifest(name), manifest, batch);
  DeleteChunks(db, name, 0, version, batch);
  return db.Write(batch, WriteMode::kSynced, what);
}

absl::StatusOr<std::string> GenerationTable::GetWeights(std::string_view name) const {
  const Database::Impl& db = database_->impl();
  const std::string manifest_key = keys::WeightsManifest(name);
  // One moment for manifest and chunks, though they may be replaced meanwhile.
  rocksdb::ManagedSnapshot snapshot(&db.db());
  rocksdb::ReadOptions options;
  options.snapshot = snapshot.snapshot();
  options.fill_cache = false;
  storage::v1::ManifestRecord manifest;
  const absl::Status status = db.Get(Family::kWeights, manifest_key, manifest, options);
  if (absl::IsNotFound(status)) {
    return absl::NotFoundError(absl::StrCat("weights not found: ", Name(name), "; check the name"));
  }
  MM_RETURN_IF_ERROR(status);
  std::string bytes;
  bytes.reserve(manifest.size_bytes());
  for (uint32_t i = 0; i < manifest.chunk_count(); ++i) {
    const std::string key = keys::WeightsChunk(name, manifest.version(), i);
    storage::v1::ChunkRecord chunk;
    const absl::Status read = db.Get(Family::kWeights, key, chunk, options);
    if (absl::IsNotFound(read)) return codec::Damaged("weights", key, "it is missing");
    MM_RETURN_IF_ERROR(read);
    bytes.append(chunk.data());
  }
  if (bytes.size() != manifest.size_bytes() || codec::Checksum(bytes) != manifest.checksum()) {
    return codec::Damaged("weights", manifest_key, "its chunks are not those that were written");
  }
  return bytes;
}

absl::Status GenerationTable::DeleteWeights(std::string_view name) {
  const Database::Impl& db = database_->impl();
  const absl::MutexLock lock(&weights_mu_);
  rocksdb::WriteBatch batch;
  batch.Delete(db.handle(Family::kWeights), keys::WeightsManifest(name)).PermitUncheckedError();
  DeleteChunks(db, name, 0, ~uint64_t{0}, batch);
  return db.Write(batch, WriteMode::kSynced, absl::StrCat("weights not deleted: ", Name(name)));
}

}  // namespace mixmatch
