// A thread keeps its priority from job to job: setting it again costs nothing beside a job.
#include "storage/rocks_threads.h"

#include "core/base/thread_priority.h"

namespace mixmatch {

void RocksThreads::OnFlushBegin(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& /*job*/) {
  // Writers wait once it is some write buffers behind. A refusal costs only politeness.
  (void)SetThreadPriority(ThisThread(), ThreadPriority::kBehind);
}

void RocksThreads::OnCompactionBegin(rocksdb::DB* /*db*/,
                                     const rocksdb::CompactionJobInfo& /*job*/) {
  (void)SetThreadPriority(ThisThread(), ThreadPriority::kBehind);
}

}  // namespace mixmatch
