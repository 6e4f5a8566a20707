// Unary calls with retries.
#pragma once

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cpp/client.h"
#include "clients/cpp/connection_internal.h"

namespace mixmatch::client {

// How long to wait before the next attempt; nothing when there should be none.
inline std::optional<absl::Duration> WaitBeforeRetry(const grpc::Status& status,
                                                     const grpc::ClientContext& context,
                                                     Backoff* backoff) {
  const std::optional<absl::Duration> named = RetryDelay(context);
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) return named.value_or(backoff->Next());
  if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED || !named) return std::nullopt;
  return std::max(*named, backoff->Next());  // rarer and rarer: the others come again too
}

// `call` makes one attempt: (context, response) -> grpc::Status.
template <typename Response, typename Call>
absl::StatusOr<Response> Retry(const ClientOptions& options, const Call& call) {
  const absl::Time deadline = absl::Now() + options.timeout;
  Backoff backoff(options.backoff_initial, options.backoff_max);
  // A daemon that names a delay is there, and will have time: such answers are not counted.
  int unanswered = 0;
  while (true) {
    grpc::ClientContext context;
    SetDeadline(&context, deadline);
    Response response{};
    const grpc::Status status = call(&context, &response);
    if (status.ok()) return response;
    const std::optional<absl::Duration> wait = WaitBeforeRetry(status, context, &backoff);
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) ++unanswered;
    if (!wait || options.attempts_max == 1 || unanswered >= options.attempts_max ||
        absl::Now() + *wait >= deadline) {
      return FromGrpc(status);
    }
    absl::SleepFor(*wait);
  }
}

}  // namespace mixmatch::client
