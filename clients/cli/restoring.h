// Waiting until a daemon that starts anew serves again, and putting a snapshot back.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "clients/cpp/client.h"

namespace mixmatch::cli {

// Until the daemon has started later than `before`. DEADLINE_EXCEEDED after ten minutes.
absl::Status AwaitRestart(const client::Client& client, const google::protobuf::Timestamp& before);

// DEADLINE_EXCEEDED when the daemon does not serve again within ten minutes.
absl::StatusOr<v1::RestoreSnapshotResponse> RestoreAndWait(const client::Client& client,
                                                           const std::string& snapshot);

}  // namespace mixmatch::cli
