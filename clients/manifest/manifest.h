// The manifest: events as JSON Lines, the format that users import from (MANIFEST.md).
//
// Takes a line and the folder that its files start from; gives the API's Event. What the daemon
// judges (sizes, shapes, times ahead) is left to the daemon.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "mixmatch/v1/event.pb.h"

namespace mixmatch::client {

// Reads the files that the line names. INVALID_ARGUMENT, or NOT_FOUND for a missing file, names the
// field and the reason.
absl::StatusOr<v1::Event> EventFromLine(std::string_view line, const std::string& folder);

// The identity alone, without reading any file. Errors as above.
absl::StatusOr<v1::EventKey> EventKeyFromLine(std::string_view line);

}  // namespace mixmatch::client
