// A few threads and a bounded queue of work: what keeps computing off gRPC's own threads.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/busy_share.h"
#include "server/queue_patience.h"

namespace mixmatch {

struct WorkerPoolOptions {
  std::string name = "work";  // of its threads, each of which computes on itself alone
  size_t threads = 1;         // 0: one for each core that the process may use
  size_t queue_max = 1;
  // How long work waits at most (QueuePatience). While more comes than can be done, the newest goes
  // first: it is answered soon, where in order all would be answered as late as they may.
  absl::Duration patience = absl::InfiniteDuration();
  // Whether more work may be taken in, beside the length of the queue.
  std::function<absl::Status()> admit = [] { return absl::OkStatus(); };
};

// Thread-safety: Safe for concurrent use.
class WorkerPool {
 public:
  // `ok`: false when the work has waited too long, and should only say so.
  using Work = std::function<void(bool ok)>;

  explicit WorkerPool(WorkerPoolOptions options);
  // Finishes what is queued, then ends.
  ~WorkerPool();

  // Queues work. RESOURCE_EXHAUSTED when the queue is full or `admit` says so, UNAVAILABLE when the
  // pool is ending; then nothing happened.
  absl::Status Submit(Work work);

 private:
  struct Queued {
    Work work;
    absl::Time since;
  };

  void Run();

  const WorkerPoolOptions options_;
  absl::Mutex mu_;
  std::deque<Queued> queue_ ABSL_GUARDED_BY(mu_);
  QueuePatience patience_ ABSL_GUARDED_BY(mu_);
  BusyShare waits_ ABSL_GUARDED_BY(mu_);    // of the time someone was in the queue
  absl::Time filled_ ABSL_GUARDED_BY(mu_);  // when somebody came into the queue as it was empty
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mixmatch
