// RocksDB's compaction by hand, with blob files collected.
#include "storage/file_rewriting.h"

#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/metadata.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/background_errors.h"
#include "storage/file_system.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

constexpr size_t kReadBytes = 1 << 20;

// Whether a file has the checksum that the MANIFEST has of it; true where that cannot be told.
bool IsAsWritten(const std::string& path, const std::string& checksum) {
  const std::unique_ptr<rocksdb::FileChecksumGenerator> sum =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({});
  std::unique_ptr<rocksdb::SequentialFile> file;
  if (!StorageEnv()->NewSequentialFile(path, &file, rocksdb::EnvOptions()).ok()) return true;
  std::string buffer(kReadBytes, '\0');
  rocksdb::Slice read;
  do {
    if (!file->Read(buffer.size(), &read, buffer.data()).ok()) return false;
    sum->Update(read.data(), read.size());
  } while (!read.empty());
  sum->Finalize();
  return sum->GetChecksum() == checksum;
}

// Which blob file of a family is damaged, as ", PATH is damaged"; empty where none is. RocksDB says
// it of tables alone.
std::string DescribeBlobDamage(const Database::Impl& db, rocksdb::ColumnFamilyHandle* family) {
  rocksdb::ColumnFamilyMetaData files;
  db.db().GetColumnFamilyMetaData(family, &files);
  const std::string method =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({})->Name();
  for (const rocksdb::BlobMetaData& blob : files.blob_files) {
    const std::string path = db.path() + blob.blob_file_name;  // which begins with a slash
    if (blob.checksum_method == method && !IsAsWritten(path, blob.checksum_value)) {
      return absl::StrCat(", ", path, " is damaged");
    }
  }
  return "";
}

}  // namespace

absl::Status FlushAll(const Database::Impl& db) {
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (size_t i = 0; i < kFamilyCount; ++i) families.push_back(db.handle(static_cast<Family>(i)));
  const std::map<std::string, FamilyHandle> named = db.Named();
  for (const auto& [name, family] : named) families.push_back(family.get());
  return FromRocks(db.db().Flush(rocksdb::FlushOptions(), families), "tables not written");
}

absl::Status RewriteFamily(const Database::Impl& db, rocksdb::ColumnFamilyHandle* family,
                           const rocksdb::Slice* begin, const rocksdb::Slice* end,
                           std::atomic<bool>* stop, double share) {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;
  options.canceled = stop;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  options.blob_garbage_collection_policy = rocksdb::BlobGarbageCollectionPolicy::kForce;
  options.blob_garbage_collection_age_cutoff = share;
  rocksdb::Status rewritten;
  {
    const BackgroundErrors::Tolerance tolerance(&db.errors());
    rewritten = db.db().CompactRange(options, family, begin, end);
  }
  if (stop != nullptr && *stop) return absl::CancelledError("tables not written anew: stopped");
  std::string what = absl::StrCat("tables of ", family->GetName(), " not written anew");
  // A table is named already.
  if (rewritten.IsCorruption() && rewritten.ToString().find(".sst") == std::string::npos) {
    absl::StrAppend(&what, DescribeBlobDamage(db, family));
  }
  return FromRocks(rewritten, what);
}

}  // namespace mixmatch
