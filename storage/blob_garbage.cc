// RocksDB counts what compaction drops; its own collection, by hand.
#include "storage/blob_garbage.h"

#include <rocksdb/db.h>

#include "core/base/status.h"
#include "storage/database_impl.h"
#include "storage/file_rewriting.h"

namespace mixmatch {
namespace {

// A quarter of so many blob files, at least one.
double OldestQuarter(uint64_t files) {
  return static_cast<double>((files + 3) / 4) / static_cast<double>(files);
}

bool HasGarbage(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                const BlobGarbageLimits& limits) {
  uint64_t bytes = 0;
  uint64_t garbage = 0;
  return db.GetIntProperty(family, rocksdb::DB::Properties::kLiveBlobFileSize, &bytes) &&
         db.GetIntProperty(family, rocksdb::DB::Properties::kLiveBlobFileGarbageSize, &garbage) &&
         garbage > 0 && garbage >= limits.bytes_min &&
         static_cast<double>(garbage) >= limits.share * static_cast<double>(bytes);
}

}  // namespace

absl::StatusOr<size_t> CollectBlobGarbage(Database& database, std::atomic<bool>& stop,
                                          const BlobGarbageLimits& limits) {
  const Database::Impl& db = database.impl();
  size_t seen_to = 0;
  const auto see_to = [&](rocksdb::ColumnFamilyHandle* family) -> absl::Status {
    if (stop || !HasGarbage(db.db(), family, limits)) return absl::OkStatus();
    uint64_t files = 0;
    if (!db.db().GetIntProperty(family, rocksdb::DB::Properties::kNumBlobFiles, &files) ||
        files == 0) {
      return absl::OkStatus();
    }
    const absl::Status collected =
        RewriteFamily(db, family, nullptr, nullptr, &stop, OldestQuarter(files));
    if (absl::IsCancelled(collected)) return absl::OkStatus();
    MM_RETURN_IF_ERROR(collected);
    ++seen_to;
    return absl::OkStatus();
  };
  for (size_t i = 0; i < kFamilyCount; ++i) {
    MM_RETURN_IF_ERROR(see_to(db.handle(static_cast<Family>(i))));
  }
  for (const auto& [name, family] : db.Named()) MM_RETURN_IF_ERROR(see_to(family.get()));
  return seen_to;
}

}  // namespace mixmatch
