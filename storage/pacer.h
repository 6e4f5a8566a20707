// So many bytes a second, for who can wait. By a clock that never goes back: who waits for the time
// that a wall clock had waits for as long as that was set back.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/steady_now.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class Pacer {
 public:
  explicit Pacer(uint64_t bytes_per_second)
      : bytes_per_second_(static_cast<double>(bytes_per_second)) {}

  // Takes `bytes`, however many; returns how long to wait before they are used. What was not taken
  // in time is not made up for.
  absl::Duration Take(uint64_t bytes) { return Take(bytes, SteadyNow()); }
  // The same at a moment of that clock.
  absl::Duration Take(uint64_t bytes, absl::Time now) {
    const absl::MutexLock lock(&mu_);
    next_ = std::max(next_, now);
    const absl::Duration wait = next_ - now;
    next_ += absl::Seconds(static_cast<double>(bytes) / bytes_per_second_);
    return wait;
  }

 private:
  const double bytes_per_second_;
  absl::Mutex mu_;
  absl::Time next_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace mixmatch
