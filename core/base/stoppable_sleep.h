// A pause that is cut short by whoever ends the thread.
#pragma once

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace mixmatch {

// By a clock that never goes back. absl::Mutex::AwaitWithTimeout goes by the wall clock: where that
// is set back by an hour meanwhile, it waits for an hour.
//
// Thread-safety: Safe for concurrent use.
class StoppableSleep {
 public:
  // Returns at once, from then on, whether it was stopped.
  bool For(absl::Duration time) {
    std::unique_lock lock(mu_);
    return changed_.wait_for(lock, absl::ToChronoNanoseconds(time), [this] { return stopped_; });
  }

  void Stop() {
    {
      const std::lock_guard lock(mu_);
      stopped_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  bool stopped_ = false;
};

}  // namespace mixmatch
