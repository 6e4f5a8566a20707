// One mutex, one queue.
#include "server/worker_pool.h"

#include <utility>

#include "core/base/steady_now.h"
#include "core/base/thread_priority.h"
#include "core/encoder/encoder.h"

namespace mixmatch {
namespace {

// Of the longest wait: where the cores are lent out, so long a queue may take to become empty
// though half of what can be done comes.
constexpr double kBurst = 0.6;
// Where someone waits for a smaller part of the last moments, no more comes than can be done. Where
// as much comes as can be done, and who does not get a turn at once is refused, it is 0.18 for one
// thread (calls that come by chance and take equally long), and more the more comes.
constexpr double kSeldom = 0.15;
constexpr absl::Duration kMoments = absl::Seconds(2);

}  // namespace

WorkerPool::WorkerPool(WorkerPoolOptions options)
    : options_(std::move(options)),
      patience_(options_.patience, SteadyNow(), kBurst),
      waits_(kMoments) {
  const size_t threads = options_.threads > 0 ? options_.threads : UsableCores();
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() {
  {
    const absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

absl::Status WorkerPool::Submit(Work work) {
  absl::Status admitted = options_.admit();
  if (!admitted.ok()) return admitted;
  const absl::Time now = SteadyNow();
  const absl::MutexLock lock(&mu_);
  if (ending_) return absl::UnavailableError("call refused: shutting down; try again");
  if (queue_.size() >= options_.queue_max) {
    return absl::ResourceExhaustedError(
        "call refused: too many calls wait for a thread; try again later");
  }
  if (queue_.empty()) {
    patience_.NoteEmpty(now);
    if (waits_.At(now) < kSeldom) patience_.Forget();
    filled_ = now;
  }
  queue_.push_back({std::move(work), now});
  return absl::OkStatus();
}

void WorkerPool::Run() {
  NameThread(options_.name);
  SetComputeThreads(1);
  while (true) {
    Queued next;
    bool ok = true;
    {
      const absl::MutexLock lock(&mu_);
      const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
        return ending_ || !queue_.empty();
      };
      mu_.Await(absl::Condition(&ready));
      if (queue_.empty()) return;
      const absl::Time now = SteadyNow();
      ok = now - queue_.front().since <= patience_.Patience(now);
      if (ok) {
        patience_.NoteServed(now);
      } else {
        patience_.NoteLate(now);
      }
      if (ok && patience_.Stands(now)) {
        next = std::move(queue_.back());
        queue_.pop_back();
      } else {
        next = std::move(queue_.front());
        queue_.pop_front();
      }
      if (queue_.empty()) {
        patience_.NoteEmpty(now);
        waits_.NoteWork(filled_, now);
      }
    }
    next.work(ok);
  }
}

}  // namespace mixmatch
