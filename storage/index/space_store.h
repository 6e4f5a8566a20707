// What one generation's column family holds: embeddings in blocks of rows, the cursor, and the
// lists of sealed segments.
//
// Rows of a partition are numbered in the order of their appending; a segment is a range of rows.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/generations/embedding_space.h"
#include "storage/database_impl.h"
#include "storage/keys.h"

namespace mixmatch {

// Rows of one partition on their way in or out.
struct Block {
  keys::RowKey place;
  std::vector<ItemId> items;
  std::vector<float> vectors;  // [items.size(), E]
};

// Segments that have lists: where they begin, and their number of rows.
using ListsRows = std::map<keys::RowKey, uint64_t>;

// Thread-safety: Safe for concurrent use.
class SpaceStore {
 public:
  SpaceStore(const Database::Impl* database, std::string name, FamilyHandle family)
      : database_(*database), name_(std::move(name)), family_(std::move(family)) {}

  // The dimension that the space was made with. NOT_FOUND when making it was not finished.
  absl::StatusOr<size_t> ReadDimension() const;
  absl::Status WriteDimension(size_t dimension) const;

  absl::StatusOr<SpaceCursor> ReadCursor() const;
  // Those that have rows.
  absl::StatusOr<std::vector<ModalityId>> ReadPartitions() const;
  // Hands every block of a partition to `take`, by row. DATA_LOSS for a damaged one, or a gap.
  absl::Status ReadBlocks(ModalityId partition, size_t dimension,
                          const std::function<void(const Block&)>& take) const;
  // Those of every partition.
  absl::Status ReadBlocks(size_t dimension, const std::function<void(const Block&)>& take) const;
  // Writes blocks and cursor at once.
  absl::Status WriteBlocks(std::span<const Block> blocks, SpaceCursor cursor, WriteMode mode) const;
  // Brings what was written unlogged into tables.
  absl::Status Flush() const;

  // Takes items out: the rows behind them move up, and the lists of their partitions go, since
  // they are of other rows. Nobody may have the space open. A space that is damaged, or whose
  // rewriting is cut off, counts as one whose making was not finished: it is made anew when it is
  // opened. Returns how many went.
  absl::StatusOr<uint64_t> Remove(size_t dimension, const std::function<bool(ItemId)>& goes) const;

  // Adds to a batch that no episode is embedded: their rows and lists go, and the cursor stands
  // before the first episode that closed. Nobody may have the space open. One whose cursor is
  // damaged counts as above.
  absl::Status RemoveEpisodes(rocksdb::WriteBatch& batch) const;

  // Lists that are whole: their rows. Damaged manifests are left out.
  ListsRows ReadListsRows() const;
  // NOT_FOUND, DATA_LOSS.
  absl::StatusOr<std::string> ReadLists(keys::RowKey place) const;
  // Writes lists over `row_count` rows in small pieces, the manifest last; others over some of
  // these rows go with it.
  absl::Status WriteLists(keys::RowKey place, uint64_t row_count, const std::string& bytes,
                          WriteMode mode) const;

 private:
  // Takes back that the space is whole, and its lists of these partitions; synced.
  absl::Status Unfinish(const std::set<ModalityId>& partitions) const;
  void RemoveLists(ModalityId partition, rocksdb::WriteBatch& batch) const;
  void PutCursor(SpaceCursor cursor, rocksdb::WriteBatch& batch) const;
  absl::Status Get(std::string_view key, google::protobuf::MessageLite& record) const;
  void Put(std::string_view key, const google::protobuf::MessageLite& record,
           rocksdb::WriteBatch& batch) const;

  const Database::Impl& database_;
  const std::string name_;
  const FamilyHandle family_;
};

}  // namespace mixmatch
