// A later start_time is how a restart shows.
#include "clients/cli/restoring.h"

#include <utility>

#include "absl/time/clock.h"

namespace mixmatch::cli {
namespace {

constexpr absl::Duration kRestartMax = absl::Minutes(10);
constexpr absl::Duration kLook = absl::Milliseconds(200);

}  // namespace

absl::Status AwaitRestart(const client::Client& client, const google::protobuf::Timestamp& before) {
  const auto pair = [](const google::protobuf::Timestamp& time) {
    return std::pair(time.seconds(), time.nanos());
  };
  const absl::Time deadline = absl::Now() + kRestartMax;
  while (absl::Now() < deadline) {
    const auto now = client.GetStatus();
    if (now.ok() && pair(now->start_time()) > pair(before)) return absl::OkStatus();
    absl::SleepFor(kLook);
  }
  return absl::DeadlineExceededError(
      "the daemon does not serve again; see its log for what it met");
}

absl::StatusOr<v1::RestoreSnapshotResponse> RestoreAndWait(const client::Client& client,
                                                           const std::string& snapshot) {
  v1::RestoreSnapshotRequest request;
  request.set_name(snapshot);
  const auto before = client.GetStatus();
  if (!before.ok()) return before.status();
  auto response = client.RestoreSnapshot(request);
  if (!response.ok()) return response;
  const absl::Status again = AwaitRestart(client, before->start_time());
  if (!again.ok()) return again;
  return response;
}

}  // namespace mixmatch::cli
