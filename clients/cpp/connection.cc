// The stubs, and when to try again.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "clients/cpp/connection_internal.h"

namespace mixmatch::client {
namespace {

constexpr char kRetryDelayKey[] = "retry-delay-ms";
constexpr int64_t kRetryDelayMaxMs = 60'000;

}  // namespace

Connection::Connection(const std::string& target, const ClientOptions& options,
                       std::shared_ptr<grpc::Channel> channel)
    : target_(target), options_(options), channel_(std::move(channel)) {
  memory_ = v1::Memory::NewStub(channel_);
  admin_ = v1::Admin::NewStub(channel_);
  skills_ = v1::Skills::NewStub(channel_);
  graph_ = v1::Graph::NewStub(channel_);
  snapshots_ = v1::Snapshots::NewStub(channel_);
}

absl::Status FromGrpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

std::optional<absl::Duration> RetryDelay(const grpc::ClientContext& context) {
  const auto& trailing = context.GetServerTrailingMetadata();
  const auto found = trailing.find(kRetryDelayKey);
  if (found == trailing.end()) return std::nullopt;
  int64_t delay_ms = 0;
  const absl::string_view text(found->second.data(), found->second.size());
  if (!absl::SimpleAtoi(text, &delay_ms) || delay_ms < 0) return std::nullopt;
  return absl::Milliseconds(std::min(delay_ms, kRetryDelayMaxMs));
}

absl::Duration Backoff::Next() {
  thread_local absl::BitGen random;
  const absl::Duration wait = next_ * absl::Uniform(random, 0.75, 1.0);
  next_ = std::min(max_, next_ * 2);
  return wait;
}

void SetDeadline(grpc::ClientContext* context, absl::Time deadline) {
  if (deadline != absl::InfiniteFuture()) context->set_deadline(absl::ToChronoTime(deadline));
}

}  // namespace mixmatch::client
