// A clock that never goes back, as a time: from an unknown beginning.
#pragma once

#include <chrono>

#include "absl/time/time.h"

namespace mixmatch {

inline absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace mixmatch
