// Waiting until the memory has come as far as one wants.
//
// Takes a watermark's name and a sequence number; polls the daemon. It sends no events.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "clients/cli/session.h"
#include "clients/cpp/client.h"

namespace mixmatch::cli {

// The watermark of that name: "durable", "recallable", "learned" or "served_learned".
uint64_t WatermarkOf(const v1::Watermarks& marks, const std::string& name);

// Blocks until the watermark has reached `sequence`, showing progress. DEADLINE_EXCEEDED after the
// session's timeout, when it has one.
absl::Status WaitForWatermark(const Session& session, const client::Client& client,
                              const std::string& name, uint64_t sequence);

}  // namespace mixmatch::cli
