// How long a client should wait before it sends again what was refused for want of room.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace mixmatch {

// Where nothing better is known.
inline constexpr absl::Duration kRetryDelay = absl::Milliseconds(200);
inline constexpr char kRetryDelayPayload[] = "mixmatch/retry-delay-ms";

// The same status, with a delay of its own, at least 1 ms.
inline absl::Status WithRetryDelay(absl::Status status, absl::Duration delay) {
  const int64_t ms = absl::ToInt64Milliseconds(absl::Ceil(delay, absl::Milliseconds(1)));
  status.SetPayload(kRetryDelayPayload, absl::Cord(absl::StrCat(ms < 1 ? 1 : ms)));
  return status;
}

inline absl::Duration RetryDelayOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kRetryDelayPayload);
  int64_t ms = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &ms)) return kRetryDelay;
  return absl::Milliseconds(ms);
}

}  // namespace mixmatch
