// For how long a queue has not been empty although it was served all the while: then it is longer
// than what comes at once.
#pragma once

#include <algorithm>

#include "absl/time/time.h"

namespace mixmatch {

// Thread-safety: Not thread-safe.
class ServingTime {
 public:
  // `step_max`: so much counts at most between two servings. Who serves nobody for long (a disk
  // that stands) says nothing of how much comes.
  ServingTime(absl::Duration step_max, absl::Time now) : step_max_(step_max), served_(now) {}

  // To be called whenever the queue was seen empty.
  void NoteEmpty(absl::Time now) {
    served_ = now;
    time_ = absl::ZeroDuration();
  }
  // To be called whenever some were taken out of it to be served.
  void NoteServed(absl::Time now) {
    time_ += std::min(now - served_, step_max_);
    served_ = now;
  }

  absl::Duration time() const { return time_; }

 private:
  const absl::Duration step_max_;
  absl::Time served_;  // last, or empty
  absl::Duration time_;
};

}  // namespace mixmatch
