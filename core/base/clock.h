// The wall clock, injected so that tests set it.
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace mixmatch
