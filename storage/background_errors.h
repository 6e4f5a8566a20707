// What RocksDB met that ends all writing until the database is opened again: it refuses every write
// from then on, and says so where it happens, which may be nowhere near a write.
//
// A table that is damaged ends a compaction, and by itself all writing with it. Whoever asks for a
// compaction and hears how it ended can take that for what it is: one table.
#pragma once

#include <rocksdb/listener.h>
#include <rocksdb/status.h>

#include <atomic>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. RocksDB holds it as long as its database is open.
class BackgroundErrors final : public rocksdb::EventListener {
 public:
  // While one lives, damage ends the compactions that meet it, and not all writing. Borrows.
  class Tolerance {
   public:
    explicit Tolerance(BackgroundErrors* errors) : errors_(*errors) { ++errors_.tolerances_; }
    ~Tolerance() { --errors_.tolerances_; }
    Tolerance(const Tolerance&) = delete;
    Tolerance& operator=(const Tolerance&) = delete;

   private:
    BackgroundErrors& errors_;
  };

  // OK, or the first error after which nothing can be written. UNAVAILABLE, RESOURCE_EXHAUSTED (the
  // disk); DATA_LOSS (a damaged table).
  absl::Status health() const;

  // How a write ended: noted where no other one can succeed after it.
  void Note(const rocksdb::Status& status);

  // For RocksDB.
  void OnBackgroundError(rocksdb::BackgroundErrorReason reason, rocksdb::Status* error) override;

 private:
  std::atomic<int> tolerances_ = 0;
  mutable absl::Mutex mu_;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
