// How long a call may wait in a queue: long while the queue is a burst that passes, short once it
// stands. Then what is served is served soon, and what is refused is told so, instead of all being
// served late.
//
// After Maurer, "Fail at Scale" (ACM Queue, 2015), which has the idea of a standing queue from
// Nichols and Jacobson, "Controlling Queue Delay" (2012).
#pragma once

#include <algorithm>

#include "absl/time/time.h"
#include "server/serving_time.h"

namespace mixmatch {

// Thread-safety: Not thread-safe.
class QueuePatience {
 public:
  // `longest`: what a call waits at most; a two-hundredth of it once the queue stands, and after
  // that at most a fortieth of the time since someone was refused. Infinite: whatever it takes.
  // `burst`: a part of it, 0 to 1: so long a queue that is served is not empty and does not stand.
  QueuePatience(absl::Duration longest, absl::Time now, double burst = 0.3)
      : longest_(longest), burst_(burst * longest), empty_(now), serving_(longest / 10, now) {}

  // To be called whenever the queue was seen empty.
  void NoteEmpty(absl::Time now) {
    empty_ = now;
    serving_.NoteEmpty(now);
  }
  // To be called whenever some were taken out of it to be served.
  void NoteServed(absl::Time now) { serving_.NoteServed(now); }
  // To be called whenever one was refused because more comes than can be done. Refusing empties a
  // queue, so that alone is no sign that less comes.
  void NoteRefused(absl::Time now) { refused_ = now; }
  // To be called whenever one was refused that had waited for longer than Patience(): while the
  // queue does not stand, a burst that passes.
  void NoteLate(absl::Time now) {
    if (Stands(now)) NoteRefused(now);
  }
  // That someone was refused counts no more: less comes than can be done.
  void Forget() { refused_ = absl::InfinitePast(); }

  // Whether more comes than can be done: the queue has not been empty for `longest`, or for `burst`
  // of it although it was served all the while (a disk that stands for a moment serves nobody, and
  // passes), or someone was refused within `longest`.
  bool Stands(absl::Time now) const {
    return now - empty_ > longest_ || serving_.time() > burst_ || now - refused_ < longest_;
  }

  // While more comes than can be done.
  absl::Duration least() const { return longest_ / 200; }
  absl::Duration Patience(absl::Time now) const {
    // Where more comes than can be done for long, it does not at every moment: who forgets it at
    // once lets many in each time who are served late.
    return Stands(now) ? least() : std::clamp((now - refused_) / kForgetting, least(), longest_);
  }

 private:
  static constexpr int kForgetting = 40;

  const absl::Duration longest_;
  const absl::Duration burst_;
  absl::Time empty_;
  ServingTime serving_;
  absl::Time refused_ = absl::InfinitePast();
};

}  // namespace mixmatch
