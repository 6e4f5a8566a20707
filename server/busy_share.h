// What part of the last moments someone was at work.
#pragma once

#include <cmath>

#include "absl/time/time.h"

namespace mixmatch {

// Weighs a moment less the longer ago it is: `memory` ago, a third as much.
//
// Thread-safety: Not thread-safe.
class BusyShare {
 public:
  explicit BusyShare(absl::Duration memory = absl::Milliseconds(250)) : memory_(memory) {}

  // To be called after some work, in order: [begun, ended].
  void NoteWork(absl::Time begun, absl::Time ended) {
    share_ = 1 - (1 - At(begun)) * Kept(ended - begun);
    at_ = ended;
  }

  // 0 to 1; since the last work nothing was done.
  double At(absl::Time now) const { return share_ * Kept(now - at_); }

 private:
  double Kept(absl::Duration time) const {
    return time <= absl::ZeroDuration() ? 1 : std::exp(-absl::FDivDuration(time, memory_));
  }

  const absl::Duration memory_;
  double share_ = 0;
  absl::Time at_ = absl::InfinitePast();
};

}  // namespace mixmatch
