// Has small tables of the database merged and garbage in its blob files collected now and then, so
// that a daemon that runs for months does not hold ever more open files, and disk.
#pragma once

#include <atomic>
#include <memory>

#include "absl/time/time.h"
#include "server/disk_guard.h"
#include "server/repeater.h"
#include "storage/database.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows both, which must outlive it.
class TableMerger {
 public:
  // Merges and collects every `interval` on a thread of its own, unless the disk is full.
  TableMerger(Database* database, const DiskGuard* disk,
              absl::Duration interval = absl::Minutes(1));
  // Waits for what is under way: seconds at most.
  ~TableMerger();

 private:
  void Look();

  Database* const database_;
  const DiskGuard* const disk_;
  std::atomic<bool> stop_ = false;
  bool told_ = false;  // of the thread alone: what went wrong was said
  std::unique_ptr<Repeater> repeater_;
};

}  // namespace mixmatch
