// Blocks of at most 1 MiB, lists in chunks of as much.
#include "storage/index/space_store.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
// Of the record; lists of another version are built again.
constexpr uint64_t kListsVersion = 2;  // 1 was a graph over the rows

// DATA_LOSS unless the record holds whole rows of finite numbers.
absl::Status DecodeBlock(std::string_view family, std::string_view key, std::string_view value,
                         size_t dimension, Block& block) {
  storage::v1::BlockRecord record;
  MM_RETURN_IF_ERROR(codec::Decode(family, key, value, record));
  const size_t rows = record.items().size() / sizeof(uint64_t);
  if (rows == 0 || record.items().size() != rows * sizeof(uint64_t) ||
      record.vectors().size() != rows * dimension * sizeof(float)) {
    return codec::Damaged(family, key,
                          absl::StrCat(record.vectors().size(), " bytes of vectors for ", rows,
                                       " rows of ", dimension));
  }
  block.place = keys::RowsOf(key);
  block.items.resize(rows);
  static_assert(sizeof(ItemId) == sizeof(uint64_t));
  std::memcpy(block.items.data(), record.items().data(), record.items().size());
  block.vectors.resize(rows * dimension);
  std::memcpy(block.vectors.data(), record.vectors().data(), record.vectors().size());
  if (!std::all_of(block.vectors.begin(), block.vectors.end(),
                   [](float v) { return std::isfinite(v); })) {
    return codec::Damaged(family, key, "a number is not finite");
  }
  return absl::OkStatus();
}

// Behind the keys of all of its blocks.
std::string BehindPartition(ModalityId partition) {
  return keys::SpaceBlock(partition, std::numeric_limits<uint64_t>::max()) + '\0';
}

void EncodeBlock(const Block& block, storage::v1::BlockRecord& record) {
  record.set_items(block.items.data(), block.items.size() * sizeof(ItemId));
  record.set_vectors(block.vectors.data(), block.vectors.size() * sizeof(float));
}

}  // namespace

absl::Status SpaceStore::Get(std::string_view key, google::protobuf::MessageLite& record) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = database_.db().Get({}, family_.get(), key, &value);
  MM_RETURN_IF_ERROR(FromRocks(status, absl::StrCat(name_, " not read")));
  return codec::Decode(name_, key, value.ToStringView(), record);
}

void SpaceStore::Put(std::string_view key, const google::protobuf::MessageLite& record,
                     rocksdb::WriteBatch& batch) const {
  batch.Put(family_.get(), key, codec::Encode(key, record)).PermitUncheckedError();
}

absl::StatusOr<size_t> SpaceStore::ReadDimension() const {
  storage::v1::SpaceRecord record;
  MM_RETURN_IF_ERROR(Get(keys::kSpaceInfo, record));
  if (record.dimension() == 0) return codec::Damaged(name_, keys::kSpaceInfo, "dimension 0");
  return record.dimension();
}

absl::Status SpaceStore::WriteDimension(size_t dimension) const {
  storage::v1::SpaceRecord record;
  record.set_dimension(static_cast<uint32_t>(dimension));
  rocksdb::WriteBatch batch;
  Put(keys::kSpaceInfo, record, batch);
  return database_.Write(batch, WriteMode::kSynced, absl::StrCat(name_, " not made"));
}

absl::StatusOr<SpaceCursor> SpaceStore::ReadCursor() const {
  storage::v1::CursorRecord record;
  const absl::Status status = Get(keys::kSpaceCursor, record);
  if (absl::IsNotFound(status)) return SpaceCursor{};
  MM_RETURN_IF_ERROR(status);
  return SpaceCursor{.next_seq = record.next_seq(), .next_closed = record.next_closed()};
}

absl::StatusOr<std::vector<ModalityId>> SpaceStore::ReadPartitions() const {
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator({}, family_.get()));
  std::vector<ModalityId> partitions;
  for (it->Seek("b"); it->Valid() && it->key().starts_with("b");
       it->Seek(BehindPartition(partitions.back()))) {
    partitions.push_back(keys::RowsOf(it->key().ToStringView()).partition);
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), absl::StrCat(name_, " not read")));
  return partitions;
}

absl::Status SpaceStore::ReadBlocks(ModalityId partition, size_t dimension,
                                    const std::function<void(const Block&)>& take) const {
  const std::string end = BehindPartition(partition);
  const rocksdb::Slice upper(end);
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = 2 << 20;
  options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator(options, family_.get()));
  uint64_t expected_row = 0;
  for (it->Seek(keys::SpaceBlock(partition, 0)); it->Valid(); it->Next()) {
    const std::string_view key = it->key().ToStringView();
    Block block;
    MM_RETURN_IF_ERROR(DecodeBlock(name_, key, it->value().ToStringView(), dimension, block));
    if (block.place.first_row != expected_row) {
      return codec::Damaged(name_, key, absl::StrCat("rows from ", expected_row, " are missing"));
    }
    expected_row += block.items.size();
    take(block);
  }
  return FromRocks(it->status(), absl::StrCat(name_, " not read"));
}

absl::Status SpaceStore::ReadBlocks(size_t dimension,
                                    const std::function<void(const Block&)>& take) const {
  MM_ASSIGN_OR_RETURN(const std::vector<ModalityId> partitions, ReadPartitions());
  for (const ModalityId partition : partitions) {
    MM_RETURN_IF_ERROR(ReadBlocks(partition, dimension, take));
  }
  return absl::OkStatus();
}

absl::Status SpaceStore::WriteBlocks(std::span<const Block> blocks, SpaceCursor cursor,
                                     WriteMode mode) const {
  rocksdb::WriteBatch batch;
  for (const Block& block : blocks) {
    storage::v1::BlockRecord record;
    EncodeBlock(block, record);
    Put(keys::SpaceBlock(block.place.partition, block.place.first_row), record, batch);
  }
  PutCursor(cursor, batch);
  return database_.Write(batch, mode, absl::StrCat("embeddings not stored in ", name_));
}

absl::Status SpaceStore::Flush() const {
  return database_.Flush(family_.get(), absl::StrCat("embeddings not stored in ", name_));
}

void SpaceStore::PutCursor(SpaceCursor cursor, rocksdb::WriteBatch& batch) const {
  storage::v1::CursorRecord record;
  record.set_next_seq(cursor.next_seq);
  record.set_next_closed(cursor.next_closed);
  Put(keys::kSpaceCursor, record, batch);
}

void SpaceStore::RemoveLists(ModalityId partition, rocksdb::WriteBatch& batch) const {
  batch
      .DeleteRange(family_.get(), keys::SpaceListsManifest(partition, 0),
                   keys::SpaceListsManifest(partition + 1, 0))
      .PermitUncheckedError();
  batch
      .DeleteRange(family_.get(), keys::SpaceListsChunk(partition, 0, 0),
                   keys::SpaceListsChunk(partition + 1, 0, 0))
      .PermitUncheckedError();
}

absl::Status SpaceStore::RemoveEpisodes(rocksdb::WriteBatch& batch) const {
  absl::StatusOr<SpaceCursor> cursor = ReadCursor();
  if (absl::IsDataLoss(cursor.status())) {
    batch.Delete(family_.get(), keys::kSpaceInfo).PermitUncheckedError();
    return absl::OkStatus();
  }
  MM_RETURN_IF_ERROR(cursor.status());
  batch
      .DeleteRange(family_.get(), keys::SpaceBlock(kEpisodePartition, 0),
                   keys::SpaceBlock(kEpisodePartition + 1, 0))
      .PermitUncheckedError();
  RemoveLists(kEpisodePartition, batch);
  cursor->next_closed = 0;
  PutCursor(*cursor, batch);
  return absl::OkStatus();
}

absl::Status SpaceStore::Unfinish(const std::set<ModalityId>& partitions) const {
  rocksdb::WriteBatch batch;
  batch.Delete(family_.get(), keys::kSpaceInfo).PermitUncheckedError();
  for (const ModalityId partition : partitions) RemoveLists(partition, batch);
  return database_.Write(batch, WriteMode::kSynced, absl::StrCat(name_, " not rewritten"));
}

absl::StatusOr<uint64_t> SpaceStore::Remove(size_t dimension,
                                            const std::function<bool(ItemId)>& goes) const {
  std::set<ModalityId> touched;
  uint64_t removed = 0;
  const absl::Status looked = ReadBlocks(dimension, [&](const Block& block) {
    for (const ItemId item : block.items) {
      if (!goes(item)) continue;
      touched.insert(block.place.partition);
      ++removed;
    }
  });
  if (absl::IsDataLoss(looked)) {
    MM_RETURN_IF_ERROR(Unfinish({}));  // made anew when it is opened, from what is stored
    return 0;
  }
  MM_RETURN_IF_ERROR(looked);
  if (touched.empty()) return removed;
  MM_ASSIGN_OR_RETURN(const SpaceCursor cursor, ReadCursor());
  MM_RETURN_IF_ERROR(Unfinish(touched));
  std::map<ModalityId, uint64_t> next_row;
  absl::Status written;
  // The iterator below sees the space as it was.
  MM_RETURN_IF_ERROR(ReadBlocks(dimension, [&](const Block& block) {
    if (!written.ok() || !touched.contains(block.place.partition)) return;
    uint64_t& row = next_row[block.place.partition];
    Block kept{.place = {.partition = block.place.partition, .first_row = row}};
    for (size_t i = 0; i < block.items.size(); ++i) {
      if (goes(block.items[i])) continue;
      kept.items.push_back(block.items[i]);
      const auto vector = block.vectors.begin() + static_cast<ptrdiff_t>(i * dimension);
      kept.vectors.insert(kept.vectors.end(), vector, vector + static_cast<ptrdiff_t>(dimension));
    }
    row += kept.items.size();
    rocksdb::WriteBatch batch;
    batch.Delete(family_.get(), keys::SpaceBlock(block.place.partition, block.place.first_row))
        .PermitUncheckedError();
    written = database_.Write(batch, WriteMode::kBuffered, absl::StrCat(name_, " not rewritten"));
    if (written.ok() && !kept.items.empty()) {
      written = WriteBlocks({&kept, 1}, cursor, WriteMode::kBuffered);
    }
  }));
  MM_RETURN_IF_ERROR(written);
  MM_RETURN_IF_ERROR(WriteDimension(dimension));  // synced: it is whole again
  return removed;
}

ListsRows SpaceStore::ReadListsRows() const {
  ListsRows lists;
  const std::unique_ptr<rocksdb::Iterator> it(database_.db().NewIterator({}, family_.get()));
  for (it->Seek("m"); it->Valid() && it->key().starts_with("m"); it->Next()) {
    const std::string_view key = it->key().ToStringView();
    storage::v1::ManifestRecord manifest;
    if (!codec::Decode(name_, key, it->value().ToStringView(), manifest).ok()) continue;
    if (manifest.version() != kListsVersion || manifest.row_count() == 0) continue;
    lists[keys::RowsOf(key)] = manifest.row_count();
  }
  return lists;
}

absl::StatusOr<std::string> SpaceStore::ReadLists(keys::RowKey place) const {
  const std::string manifest_key = keys::SpaceListsManifest(place.partition, place.first_row);
  storage::v1::ManifestRecord manifest;
  MM_RETURN_IF_ERROR(Get(manifest_key, manifest));
  std::string bytes;
  bytes.reserve(manifest.size_bytes());
  for (uint32_t i = 0; i < manifest.chunk_count(); ++i) {
    storage::v1::ChunkRecord chunk;
    MM_RETURN_IF_ERROR(Get(keys::SpaceListsChunk(place.partition, place.first_row, i), chunk));
    bytes.append(chunk.data());
  }
  if (bytes.size() != manifest.size_bytes() || codec::Checksum(bytes) != manifest.checksum()) {
    return codec::Damaged(name_, manifest_key, "its chunks are not those that were written");
  }
  return bytes;
}

absl::Status SpaceStore::WriteLists(keys::RowKey place, uint64_t row_count,
                                    const std::string& bytes, WriteMode mode) const {
  const std::string what = absl::StrCat("lists not stored in ", name_);
  storage::v1::ManifestRecord manifest;
  rocksdb::WriteBatch batch;
  for (size_t offset = 0; offset < bytes.size(); offset += kChunkBytes) {
    storage::v1::ChunkRecord chunk;
    chunk.set_data(bytes.substr(offset, kChunkBytes));
    Put(keys::SpaceListsChunk(place.partition, place.first_row, manifest.chunk_count()), chunk,
        batch);
    manifest.set_chunk_count(manifest.chunk_count() + 1);
    MM_RETURN_IF_ERROR(database_.Write(batch, mode, what));
    batch.Clear();
  }
  // In the same write those that they take the place of go.
  const uint64_t end = place.first_row + row_count;
  batch
      .DeleteRange(family_.get(), keys::SpaceListsManifest(place.partition, place.first_row + 1),
                   keys::SpaceListsManifest(place.partition, end))
      .PermitUncheckedError();
  batch
      .DeleteRange(family_.get(), keys::SpaceListsChunk(place.partition, place.first_row + 1, 0),
                   keys::SpaceListsChunk(place.partition, end, 0))
      .PermitUncheckedError();
  manifest.set_version(kListsVersion);
  manifest.set_size_bytes(bytes.size());
  manifest.set_checksum(codec::Checksum(bytes));
  manifest.set_row_count(row_count);
  Put(keys::SpaceListsManifest(place.partition, place.first_row), manifest, batch);
  return database_.Write(batch, mode, what);
}

}  // namespace mixmatch
