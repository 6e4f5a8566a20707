// How far behind the rest of the program RocksDB's own threads work.
#pragma once

#include <rocksdb/listener.h>

namespace mixmatch {

// Where cores are few, a flush or a compaction at the priority of those who answer holds them up
// for as long as it takes. Too far behind, a busy machine flushes and compacts more slowly than it
// stores, until all writes wait; RocksDB's own setting knows nice 19 alone.
//
// Thread-safety: Safe for concurrent use. RocksDB holds it as long as its database is open; its
// threads are shared by all databases of the process.
class RocksThreads final : public rocksdb::EventListener {
 public:
  // For RocksDB, which calls each on the thread that does the work.
  void OnFlushBegin(rocksdb::DB* db, const rocksdb::FlushJobInfo& job) override;
  void OnCompactionBegin(rocksdb::DB* db, const rocksdb::CompactionJobInfo& job) override;
};

}  // namespace mixmatch
