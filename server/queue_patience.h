// How long a call may wait in a queue: long while the queue is a burst that passes, short once it
// stands. Then what is served is served soon, and what is refused is told so, instead of all being
// served late.
//
// After Maurer, "Fail at Scale" (ACM Queue, 2015), which has the idea of a standing queue from
// Nichols and Jacobson, "Controlling Queue Delay" (2012).
#pragma once

#include "absl/time/time.h"

namespace mixmatch {

// Thread-safety: Not thread-safe.
class QueuePatience {
 public:
  // `longest`: what a call waits at most. A fiftieth of it once the queue stands. Infinite:
  // whatever it takes.
  QueuePatience(absl::Duration longest, absl::Time now) : longest_(longest), empty_(now) {}

  // To be called whenever the queue was seen empty.
  void NoteEmpty(absl::Time now) { empty_ = now; }
  // To be called whenever one was refused for want of time or room. Refusing empties a
  // queue, so that alone is no sign that less comes.
  void NoteRefused(absl::Time now) { calm_from_ = now + longest_; }

  // Whether more comes than can be done: the queue has not been empty for `longest`, or someone was
  // refused within that time.
  bool Stands(absl::Time now) const { return now - empty_ > longest_ || now < calm_from_; }

  absl::Duration Patience(absl::Time now) const { return Stands(now) ? longest_ / 50 : longest_; }

 private:
  const absl::Duration longest_;
  absl::Time empty_;
  absl::Time calm_from_ = absl::InfinitePast();
};

}  // namespace mixmatch
