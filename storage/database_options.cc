// Settings that matter for durability first, then memory, then speed.
#include "storage/database_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_manager.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <memory>

#include "storage/file_system.h"
#include "storage/table_pace.h"

namespace mixmatch {
namespace {

// Flushes and compactions share the disk with the log that every acknowledgement syncs.
constexpr int64_t kTableBytesPerSecond = 96 << 20;

rocksdb::CompressionType FastCompression() {
  const std::vector<rocksdb::CompressionType> supported = rocksdb::GetSupportedCompressions();
  return std::find(supported.begin(), supported.end(), rocksdb::kLZ4Compression) == supported.end()
             ? rocksdb::kNoCompression
             : rocksdb::kLZ4Compression;
}

void UseBlobs(uint64_t from_bytes, rocksdb::ColumnFamilyOptions& options) {
  options.enable_blob_files = true;
  options.min_blob_size = from_bytes;
  options.blob_file_size = 64 << 20;
  // Compaction would write the oldest quarter of the blobs anew each time, garbage or not: half of
  // what a publish wrote to tables. CollectBlobGarbage does it where there is some.
  options.enable_blob_garbage_collection = false;
}

}  // namespace

RocksOptions::RocksOptions(const DatabaseOptions& options)
    : options_(options), cache_(rocksdb::NewLRUCache(options.block_cache_bytes)) {}

rocksdb::DBOptions RocksOptions::Database() const {
  rocksdb::DBOptions db;
  db.env = StorageEnv();
  db.create_if_missing = options_.create_if_missing;
  db.create_missing_column_families = true;
  // Point-in-time recovery, the default, silently drops everything behind a flipped bit. This one
  // refuses to open, and still takes a torn last record for what it is.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.paranoid_checks = true;
  // Without it, damaged blob files are not noticed when files are verified.
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  db.allow_mmap_reads = false;
  db.allow_mmap_writes = false;
  // It brings a database that ran out of disk back by itself once there is space.
  db.sst_file_manager.reset(rocksdb::NewSstFileManager(StorageEnv()));
  db.rate_limiter = std::make_shared<TablePace>(kTableBytesPerSecond);
  // Of the families that are logged, half: once the log holds so much, all that are in its oldest
  // file are written to tables together, and one new log begins. (db_write_buffer_size would have
  // the families flushed one by one, the oldest first however small, each with a new log.)
  db.max_total_wal_size = options_.write_buffer_bytes / 2;
  db.db_write_buffer_size = 2 * options_.write_buffer_bytes;
  db.max_background_jobs = 2;
  db.max_open_files = 512;
  db.bytes_per_sync = 1 << 20;
  // Each of many small files would take up to 64 MiB and give most of it back: where the disk is
  // told of what is free at once (mount option discard), up to 1.2 GB a second in a publish.
  db.allow_fallocate = false;
  // What is written behind the others' backs is on its way when an acknowledgement waits for it.
  db.wal_bytes_per_sync = 64 << 10;
  return db;
}

rocksdb::ColumnFamilyOptions RocksOptions::ForFamily(Family family) const {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = std::max<size_t>(options_.write_buffer_bytes / 2, 1 << 20);
  // With two, the default, everybody waits while one is on its way to the disk and the next is
  // full.
  options.max_write_buffer_number = 4;
  options.arena_block_size = 64 << 10;  // many families, most of them small
  options.compression = FastCompression();
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache_;
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  // In parts of a few KiB. In one piece, that of a file with a million keys is larger than the
  // cache keeps: every lookup would read and verify megabytes.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  // Other keys are hardly ever asked for where they are not: no filters on the last level.
  options.optimize_filters_for_hits = family != Family::kIdentity;
  switch (family) {
    case Family::kPayloads:
      options.compression = rocksdb::kNoCompression;  // media are compressed
      UseBlobs(4 << 10, options);
      break;
    case Family::kFeatures:
      // Read at random, many at a time, by every step of learning: no decompression, small blocks.
    case Family::kWeights:
      options.compression = rocksdb::kNoCompression;
      UseBlobs(32 << 10, options);
      break;
    default:
      break;
  }
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

rocksdb::ColumnFamilyOptions RocksOptions::ForNamed() const {
  rocksdb::ColumnFamilyOptions options = ForFamily(Family::kMeta);
  options.compression = rocksdb::kNoCompression;  // numbers without pattern
  UseBlobs(16 << 10, options);
  return options;
}

}  // namespace mixmatch
