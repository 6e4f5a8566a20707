// How fast tables are written, while the log on the same disk is synced for every acknowledgement.
#pragma once

#include <rocksdb/rate_limiter.h>

#include <atomic>
#include <cstdint>

#include "storage/pacer.h"

namespace mixmatch {

// Bytes of flushes and compactions, in the order in which they are asked for. RocksDB's own limiter
// lets a thread wait until another wakes it, and that one may have gone (its issue 11742: a flush,
// and with it every write, stands for ever); here each sleeps until a moment that it knows. It also
// hands out by the tenth of a second, which writes a tenth of a second's bytes at once.
//
// Thread-safety: Safe for concurrent use.
class TablePace final : public rocksdb::RateLimiter {
 public:
  explicit TablePace(int64_t bytes_per_second)
      : bytes_per_second_(bytes_per_second), pacer_(static_cast<uint64_t>(bytes_per_second)) {}

  using RateLimiter::Request;
  // Returns once `bytes` may be written. The priority does not count.
  void Request(int64_t bytes, rocksdb::Env::IOPriority priority,
               rocksdb::Statistics* statistics) override;

  // Largest request: a few milliseconds' worth.
  int64_t GetSingleBurstBytes() const override { return 256 << 10; }
  int64_t GetTotalBytesThrough(rocksdb::Env::IOPriority) const override { return bytes_; }
  int64_t GetTotalRequests(rocksdb::Env::IOPriority) const override { return requests_; }
  int64_t GetBytesPerSecond() const override { return bytes_per_second_; }
  // Of options that are changed in a running database, which nothing here does: no effect.
  void SetBytesPerSecond(int64_t) override {}

 private:
  const int64_t bytes_per_second_;
  Pacer pacer_;
  std::atomic<int64_t> bytes_ = 0;
  std::atomic<int64_t> requests_ = 0;
};

}  // namespace mixmatch
