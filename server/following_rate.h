// How many stored events a second become recallable while there are enough of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "core/base/ids.h"

namespace mixmatch {

// Thread-safety: Note is for one thread; Within may be called by any.
class FollowingRate {
 public:
  // `recallable`: the last event that is.
  void Note(Seq recallable, absl::Time now) {
    const absl::Duration passed = now - since_;
    if (passed < kFor) return;
    const double per_s = absl::FDivDuration(absl::Seconds(1), passed) *
                         static_cast<double>(recallable - std::min(recallable_, recallable));
    // Where little came, little was followed.
    per_s_ = std::max(per_s, per_s_ * kDecay);
    recallable_ = recallable;
    since_ = now;
  }

  uint64_t Within(absl::Duration time) const {
    return static_cast<uint64_t>(per_s_ * absl::ToDoubleSeconds(time));
  }

 private:
  // It is looked at so often, and forgotten so slowly each time.
  static constexpr absl::Duration kFor = absl::Milliseconds(500);
  static constexpr double kDecay = 0.9;

  std::atomic<double> per_s_ = 0;
  Seq recallable_ = 0;
  absl::Time since_ = absl::InfinitePast();
};

}  // namespace mixmatch
