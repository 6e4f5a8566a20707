// One mutex, one queue.
#include "server/worker_pool.h"

#include <utility>

namespace mixmatch {

WorkerPool::WorkerPool(size_t threads, size_t queue_max, std::function<void()> start)
    : queue_max_(queue_max), start_(std::move(start)) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() {
  {
    const absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool WorkerPool::Submit(std::function<void()> work) {
  const absl::MutexLock lock(&mu_);
  if (ending_ || queue_.size() >= queue_max_) return false;
  queue_.push_back(std::move(work));
  return true;
}

void WorkerPool::Run() {
  start_();
  while (true) {
    std::function<void()> work;
    {
      const absl::MutexLock lock(&mu_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return ending_ || !queue_.empty();
      };
      mu_.Await(absl::Condition(&ready));
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace mixmatch
