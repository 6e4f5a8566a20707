// The open RocksDB with its column families, for the classes of this folder alone.
#pragma once

#include <google/protobuf/message_lite.h>
#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/background_errors.h"
#include "storage/background_writer.h"
#include "storage/database.h"
#include "storage/pacer.h"

namespace mixmatch {

// The fixed column families; keys.h says what is in each.
enum class Family : size_t {
  kMeta,
  kLog,
  kPayloads,
  kIdentity,
  kByTime,
  kByScene,
  kBySource,
  kByModality,
  kByMetadata,
  kFeatures,
  kEpisodes,
  kEpisodeOf,
  kClosed,
  kScenes,
  kGenerations,
  kWeights,
  kSkills,
  kTeachings,
  kGraph,
};
inline constexpr size_t kFamilyCount = 19;
std::string_view FamilyName(Family family);

// How a write reaches the disk.
enum class WriteMode {
  kSynced,      // on the disk when it returns: ground state
  kBuffered,    // lost with the machine, not with the process: derived state
  kBackground,  // as kBuffered, at a pace, and gives way when compaction is behind
  // As kBackground, and lost with the process until its family is flushed. Whatever else is written
  // to that family must wait for a flush, or it would come back without what was before it.
  kUnlogged,
};

// Of all writes in the background. Each byte is written to the log, to a table, and now and then
// anew; a disk that is given as much as it takes has everybody wait for a sync at times.
inline constexpr uint64_t kBackgroundBytesPerSecond = 24 << 20;

// A column family that lives as long as anyone holds it, with the database under it.
using FamilyHandle = std::shared_ptr<rocksdb::ColumnFamilyHandle>;

// Thread-safety: Safe for concurrent use.
class Database::Impl {
 public:
  // `lenient`: whatever is damaged costs what is in it alone, in the log as in tables; values that
  // belong together may be of different moments then.
  static absl::StatusOr<std::unique_ptr<Impl>> Open(const std::string& path,
                                                    const DatabaseOptions& options,
                                                    bool lenient = false);

  rocksdb::DB& db() const { return *db_; }
  const std::string& path() const { return path_; }
  // Of the write-ahead log, with salvage; empty when none is damaged.
  const std::string& damaged_file() const { return damaged_file_; }
  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return families_[static_cast<size_t>(family)].get();
  }

  // Adds a value to a batch.
  void Put(Family family, std::string_view key, const google::protobuf::MessageLite& record,
           rocksdb::WriteBatch& batch) const;
  // Adds the removal of everything in a family to a batch.
  void Clear(Family family, rocksdb::WriteBatch& batch) const;
  // Reads a value. NOT_FOUND; DATA_LOSS with its key.
  absl::Status Get(Family family, std::string_view key, google::protobuf::MessageLite& record,
                   const rocksdb::ReadOptions& options = {}) const;
  // Writes a batch as a whole; for a thread that works behind others on one that does not. `what`
  // as for FromRocks.
  absl::Status Write(rocksdb::WriteBatch& batch, WriteMode mode, std::string_view what) const;
  BackgroundErrors& errors() const { return *errors_; }
  // All keys of a family, in order; `upper` (exclusive) must outlive the iterator.
  std::unique_ptr<rocksdb::Iterator> Iterate(Family family,
                                             const rocksdb::Slice* upper = nullptr) const;

  // Writes a family's newest values, which are in memory, to tables; those that are not logged
  // outlive a crash from then on. `what` as for FromRocks.
  absl::Status Flush(rocksdb::ColumnFamilyHandle* family, std::string_view what) const;

  // Column families by name, made and dropped at run time. A write to a dropped one is ignored.
  FamilyHandle FindNamed(const std::string& name) const;  // null when there is none
  std::map<std::string, FamilyHandle> Named() const;
  absl::StatusOr<FamilyHandle> CreateNamed(const std::string& name);
  absl::Status DropNamed(const std::string& name);

 private:
  Impl(std::string path, std::shared_ptr<BackgroundErrors> errors, std::shared_ptr<rocksdb::DB> db)
      : path_(std::move(path)), errors_(std::move(errors)), db_(std::move(db)) {}
  absl::Status CheckFormat(bool read_only);
  // Owns a handle, which RocksDB gave away.
  FamilyHandle Share(rocksdb::ColumnFamilyHandle* handle) const;
  // Runs what all writes wait for: for a thread that works behind others on one that does not.
  void Change(const std::function<void()>& change) const;
  // Waits for the turn of so many bytes in the background, and lets compaction catch up, for a
  // moment, where it is far behind.
  void GiveWay(size_t bytes) const;

  const std::string path_;
  const std::shared_ptr<BackgroundErrors> errors_;
  const std::shared_ptr<rocksdb::DB> db_;
  const std::unique_ptr<BackgroundWriter> background_writer_ =
      std::make_unique<BackgroundWriter>("write");
  // Of its own: a flush takes longer than writes may wait. Changes take turns; in between they may
  // wait for a flush of another family.
  const std::shared_ptr<BackgroundWriter> background_changer_ =
      std::make_shared<BackgroundWriter>("change");
  mutable Pacer background_pacer_{kBackgroundBytesPerSecond};
  std::string damaged_file_;
  rocksdb::ColumnFamilyOptions named_options_;
  std::array<FamilyHandle, kFamilyCount> families_;
  mutable absl::Mutex mu_;
  std::map<std::string, FamilyHandle> named_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
