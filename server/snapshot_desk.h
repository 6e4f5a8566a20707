// What the snapshots' service asks for, and snapshots and backups by the clock.
//
// Owns a thread, on which copies that are asked for are made and checked one after the other,
// and one for those by the clock; everything else of the daemon goes on meanwhile. What makes or
// checks a copy ends soon where the daemon ends, or where all copies are to go.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/base/stoppable_sleep.h"
#include "core/generations/generations.h"
#include "server/config.h"
#include "server/disk_guard.h"
#include "server/worker_pool.h"
#include "storage/backups.h"
#include "storage/database.h"
#include "storage/event_log.h"
#include "storage/snapshots.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class SnapshotDesk {
 public:
  struct Parts {
    Database* database = nullptr;
    const EventLog* log = nullptr;
    const Generations* generations = nullptr;
    const DiskGuard* disk = nullptr;
    absl::Status damage;  // not OK: why there is no database, log, generations and disk
    const Clock* clock = nullptr;
    std::function<void()> restart;  // asks the process to drain and to start anew
    // How long a purge waits for what is being made or checked, and for each look at backups.
    absl::Duration purge_patience = absl::Seconds(30);
  };
  SnapshotDesk(const Config& config, const Parts& parts);
  ~SnapshotDesk();
  // Nothing new is made or checked from here on: what is queued ends with UNAVAILABLE, what is
  // being done with CANCELLED.
  void Stop();

  using Done = std::function<void(const absl::StatusOr<Snapshot>&)>;
  // Both queue the work and return; `done` is called on the desk's thread. `progress` as in
  // Snapshots. RESOURCE_EXHAUSTED when too much is queued; `done` is not called then.
  absl::Status Create(const std::string& name, SnapshotProgress progress, Done done);
  absl::Status Verify(const std::string& name, SnapshotProgress progress, Done done);

  // The same of backups.
  using BackupDone = std::function<void(const absl::StatusOr<Backup>&)>;
  absl::Status CreateBackup(Backups::Progress progress, BackupDone done);
  absl::Status VerifyBackup(uint32_t id, std::function<void(const absl::Status&)> done);
  absl::Status FetchBackup(uint32_t id, SnapshotProgress progress, Done done);
  absl::StatusOr<std::vector<Backup>> ListBackups(std::vector<uint32_t>& damaged) const;
  absl::Status DeleteBackup(uint32_t id);

  const Snapshots& snapshots() const { return snapshots_; }

  // Every copy that there is, damaged ones among them.
  struct Copies {
    std::vector<std::string> snapshots;
    std::vector<uint32_t> backups;
  };
  // UNAVAILABLE while backups are being made or read.
  absl::StatusOr<Copies> ListCopies() const { return ListCopies(absl::ZeroDuration()); }

  // Deletes every one, and ends what is being made or checked first. Nothing is made from its
  // return on, until Resume(). Blocks, up to some times `purge_patience`. On an error, which names
  // what is left, everything goes on: UNAVAILABLE (ask again), FAILED_PRECONDITION (mend it first).
  absl::StatusOr<Copies> Purge();
  void Resume();

  absl::StatusOr<std::vector<Snapshot>> List(std::vector<std::string>& damaged) const;
  absl::Status Delete(const std::string& name);
  // Asks for the restart, which happens after it returned.
  absl::StatusOr<Snapshot> Restore(const std::string& name);

 private:
  class Work;

  absl::StatusOr<Snapshot> Make(const std::string& name, const SnapshotProgress& progress);
  absl::StatusOr<Backup> MakeBackup(const Backups::Progress& progress);
  absl::StatusOr<SnapshotFacts> Facts(const char* what) const;
  // Whether what is being made or checked is to end.
  bool stopped();
  // Keeps all work out, and waits until none is left.
  absl::Status Close();
  absl::StatusOr<Copies> ListCopies(absl::Duration patience) const;
  absl::Status DeleteAll(const Copies& copies);
  void Schedule();
  // Makes one when it is due, and deletes the oldest of those that the clock made.
  absl::Status MakeScheduled();
  absl::Status MakeScheduledBackup();

  const Config config_;
  const Parts parts_;
  const Snapshots snapshots_;
  const Backups backups_;
  absl::Mutex mu_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;  // while all copies go
  size_t working_ ABSL_GUARDED_BY(mu_) = 0;   // what is being made or checked
  std::unique_ptr<WorkerPool> pool_;
  StoppableSleep pause_;
  std::thread scheduler_;
  // Of the scheduler alone.
  absl::Time backed_up_ = absl::InfinitePast();
  absl::Time not_before_ = absl::InfinitePast();  // by SteadyNow(), after a failure
  absl::Duration wait_ = absl::ZeroDuration();
};

}  // namespace mixmatch
