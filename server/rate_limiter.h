// How much each client may send in a second: a bucket of tokens for each, filled at the rate that
// the configuration sets.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class RateLimiter {
 public:
  // Of one client; 0: as much as it likes. A bucket holds what two seconds fill.
  struct Rates {
    double events_per_second = 0;
    double bytes_per_second = 0;
  };

  explicit RateLimiter(const Rates& rates) : rates_(rates) {}

  // Takes one event of so many bytes out of the client's buckets at `now`, a time that never goes
  // back; one that is larger than the bucket is taken from a full one. RESOURCE_EXHAUSTED with the
  // time after which it may come again (RetryDelayOf).
  absl::Status Take(const std::string& client, uint64_t bytes, absl::Time now);

 private:
  struct Buckets {
    double events = 0;  // tokens that are there
    double bytes = 0;
    absl::Time filled;
  };

  bool off() const { return rates_.events_per_second <= 0 && rates_.bytes_per_second <= 0; }
  void Forget(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Rates rates_;
  absl::Mutex mu_;
  std::unordered_map<std::string, Buckets> clients_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
