// Puts load on a daemon: unary calls at a rate of its own, whatever the answers, or as many at a
// time as asked; and says what became of them.
//
// With a rate (open loop) a call's time counts from the moment at which it was due, so that a stall
// is seen by all that wait behind it; without one (closed loop) from its start.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/client.h"

namespace mixmatch::client {

// How one call ended.
struct EndedCall {
  enum class Outcome : uint8_t { kAnswered, kRefused, kFailed };

  absl::Time due;
  float ms = 0;  // from then on
  Outcome outcome = Outcome::kAnswered;
};

struct LoadOptions {
  double rate = 0;               // calls a second; 0: closed loop
  int concurrency = 8;           // calls at a time in a closed loop, and connections in both
  uint64_t count_max = 1000000;  // calls at most
  absl::Duration duration = absl::Seconds(10);
  absl::Duration timeout = absl::Seconds(10);  // of one call
  // Calls at a time in an open loop; what would be more is not sent, and counted.
  int outstanding_max = 10000;
  // Called for each call that ended, if set: one at a time, on any thread; must be quick.
  std::function<void(const EndedCall&)> ended;
};

struct LoadReport {
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t refused = 0;          // RESOURCE_EXHAUSTED
  uint64_t refused_plainly = 0;  // of those, without a time to come again
  uint64_t failed = 0;
  uint64_t unsent = 0;      // due, while too many were on their way, or before others were sent
  std::string first_error;  // of those that failed
  absl::Duration elapsed;
  std::vector<float> answered_ms;  // of each answered call, in order of the answers
  std::vector<float> refused_ms;
};

// A percentile by nearest rank; 0 of nothing. `share` above 0 and at most 1; reorders `values`.
float Percentile(std::vector<float>& values, double share);

// One call of a load: `number` counts from 0. Runs on any thread, several at once.
using MakeRecall = std::function<v1::RecallRequest(uint64_t number)>;
using MakeIngest = std::function<v1::IngestBatchRequest(uint64_t number)>;
// Called about ten times a second with the number of calls that ended.
using LoadProgress = std::function<void(uint64_t ended)>;

// Blocks until the last call has ended; the first is due once all connections are made. An ingested
// event that is refused counts as a refusal of its call. Errors: of Client::Connect.
absl::StatusOr<LoadReport> LoadRecall(const std::string& target, const ClientOptions& client,
                                      const LoadOptions& options, const MakeRecall& make,
                                      const LoadProgress& progress);
absl::StatusOr<LoadReport> LoadIngest(const std::string& target, const ClientOptions& client,
                                      const LoadOptions& options, const MakeIngest& make,
                                      const LoadProgress& progress);

}  // namespace mixmatch::client
