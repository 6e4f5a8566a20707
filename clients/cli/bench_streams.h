// Ingest by streams, as fast as the daemon takes it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "clients/cli/bench_data.h"
#include "clients/cpp/load.h"

namespace mixmatch::cli {

struct StreamsReport {
  client::LoadReport load;     // of events: a call is an event, from Send() to its result
  uint64_t last_sequence = 0;  // of what was stored
};

// `options.concurrency` streams, each over a connection of its own with a window of `window`
// events; together `options.count_max` events at most, sent for `options.duration`. Errors: what
// ended a stream for good.
absl::StatusOr<StreamsReport> LoadStreams(const std::string& target,
                                          const client::ClientOptions& client,
                                          const client::LoadOptions& options, size_t window,
                                          const BenchData& data,
                                          const client::LoadProgress& progress);

}  // namespace mixmatch::cli
