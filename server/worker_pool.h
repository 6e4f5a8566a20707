// A few threads and a bounded queue of work: what keeps computing off gRPC's own threads.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class WorkerPool {
 public:
  // `start` runs first in every thread.
  WorkerPool(size_t threads, size_t queue_max, std::function<void()> start);
  // Finishes what is queued, then ends.
  ~WorkerPool();

  // Queues work; false when the queue is full or the pool is ending, and then nothing happened.
  bool Submit(std::function<void()> work);

 private:
  void Run();

  const size_t queue_max_;
  const std::function<void()> start_;
  absl::Mutex mu_;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mu_);
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace mixmatch
