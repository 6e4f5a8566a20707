// A pause that is cut short by whoever wakes or ends the thread.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace mixmatch {

// By a clock that never goes back. absl::Mutex::AwaitWithTimeout goes by the wall clock: where that
// is set back by an hour meanwhile, it waits for an hour.
//
// Thread-safety: Safe for concurrent use; where it is woken, one thread sleeps.
class StoppableSleep {
 public:
  // Returns after this time, or once it was woken since the last For(), or stopped; at once from
  // then on. Whether it was stopped.
  bool For(absl::Duration time) {
    time = std::min(time, absl::Hours(24 * 365));  // that clock has an end
    std::unique_lock lock(mu_);
    changed_.wait_for(lock, absl::ToChronoNanoseconds(time), [this] { return woken_ || stopped_; });
    woken_ = false;
    return stopped_;
  }

  void Wake() {
    {
      const std::lock_guard lock(mu_);
      woken_ = true;
    }
    changed_.notify_all();
  }

  void Stop() {
    {
      const std::lock_guard lock(mu_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

  bool stopped() const {
    const std::lock_guard lock(mu_);
    return stopped_;
  }

 private:
  mutable std::mutex mu_;
  std::condition_variable changed_;
  bool woken_ = false;
  bool stopped_ = false;
};

}  // namespace mixmatch
