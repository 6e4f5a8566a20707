// RocksDB's compaction by hand, with every blob file collected.
#include "storage/file_rewriting.h"

#include <map>
#include <string>
#include <vector>

#include "storage/rocks_status.h"

namespace mixmatch {

absl::Status FlushAll(const Database::Impl& db) {
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (size_t i = 0; i < kFamilyCount; ++i) families.push_back(db.handle(static_cast<Family>(i)));
  const std::map<std::string, FamilyHandle> named = db.Named();
  for (const auto& [name, family] : named) families.push_back(family.get());
  return FromRocks(db.db().Flush(rocksdb::FlushOptions(), families), "tables not written");
}

absl::Status RewriteFamily(const Database::Impl& db, rocksdb::ColumnFamilyHandle* family,
                           const rocksdb::Slice* begin, const rocksdb::Slice* end,
                           std::atomic<bool>* stop) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = stop;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = 1.0;
  const rocksdb::Status rewritten = db.db().CompactRange(options, family, begin, end);
  if (stop != nullptr && *stop) return absl::CancelledError("tables not written anew: stopped");
  return FromRocks(rewritten, "tables not written anew");
}

}  // namespace mixmatch
