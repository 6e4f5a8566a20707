// RocksDB's own compaction of files that are named to it, onto the level that they are on.
#include "storage/small_tables.h"

#include <rocksdb/metadata.h>
#include <rocksdb/options.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/background_errors.h"
#include "storage/database_impl.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

constexpr uint64_t kSmall[] = {1 << 20, 8 << 20, 32 << 20};  // bytes, one after another
constexpr size_t kRunMin = 4;
constexpr size_t kRunMax = 16;
constexpr uint64_t kRunBytes = 64 << 20;  // of a run that is long enough
// So many tables of a family that were flushed make compaction begin (RocksDB's default).
constexpr size_t kCompactionBegins = 4;

using Run = std::vector<std::string>;

// The first run of tables of less than `small` bytes on a level; empty where there is none.
Run FindRun(const rocksdb::LevelMetaData& level, uint64_t small) {
  Run run;
  uint64_t bytes = 0;
  for (const rocksdb::SstFileMetaData& table : level.files) {  // in the order of their keys
    if (table.size < small && !table.being_compacted) {
      run.push_back(table.relative_filename);
      bytes += table.size;
      if (run.size() == kRunMax || (run.size() >= kRunMin && bytes >= kRunBytes)) return run;
    } else if (run.size() >= kRunMin) {
      return run;
    } else {
      run.clear();
      bytes = 0;
    }
  }
  if (run.size() < kRunMin) run.clear();
  return run;
}

// Whether compaction has work there. It waits for tables that a merge holds, and once it is far
// behind, all writes wait for it.
bool CompactionWants(const rocksdb::ColumnFamilyMetaData& tables) {
  return !tables.levels.empty() && tables.levels.front().files.size() >= kCompactionBegins;
}

// Merges one run of a family; returns how many tables there are less, 0 where there is no run.
absl::StatusOr<size_t> MergeOne(const Database::Impl& db, rocksdb::ColumnFamilyHandle* family,
                                uint64_t small) {
  rocksdb::ColumnFamilyMetaData tables;
  db.db().GetColumnFamilyMetaData(family, &tables);
  if (CompactionWants(tables)) return 0;
  for (const rocksdb::LevelMetaData& level : tables.levels) {
    if (level.level == 0) continue;  // compaction itself merges those, a few at a time
    const Run run = FindRun(level, small);
    if (run.empty()) continue;
    rocksdb::CompactionOptions options;
    options.compression = rocksdb::kDisableCompressionOption;  // as the family has it
    std::vector<std::string> made;
    const BackgroundErrors::Tolerance tolerance(&db.errors());
    const rocksdb::Status merged =
        db.db().CompactFiles(options, family, run, level.level, /*output_path_id=*/-1, &made);
    // Compaction was there first, or the family is gone.
    if (merged.IsAborted() || merged.IsInvalidArgument() || merged.IsColumnFamilyDropped()) {
      return 0;
    }
    MM_RETURN_IF_ERROR(
        FromRocks(merged, absl::StrCat("small tables of ", family->GetName(), " not merged")));
    return run.size() - std::min(run.size(), made.size());
  }
  return 0;
}

absl::StatusOr<size_t> MergeFamily(const Database::Impl& db, rocksdb::ColumnFamilyHandle* family,
                                   const std::atomic<bool>& stop) {
  size_t less = 0;
  for (const uint64_t small : kSmall) {
    while (!stop) {
      MM_ASSIGN_OR_RETURN(const size_t merged, MergeOne(db, family, small));
      if (merged == 0) break;
      less += merged;
    }
  }
  return less;
}

}  // namespace

absl::StatusOr<size_t> MergeSmallTables(Database& database, const std::atomic<bool>& stop) {
  const Database::Impl& db = database.impl();
  size_t less = 0;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    MM_ASSIGN_OR_RETURN(const size_t merged,
                        MergeFamily(db, db.handle(static_cast<Family>(i)), stop));
    less += merged;
  }
  for (const auto& [name, family] : db.Named()) {
    MM_ASSIGN_OR_RETURN(const size_t merged, MergeFamily(db, family.get(), stop));
    less += merged;
  }
  return less;
}

}  // namespace mixmatch
