// A unary call on the callback API whose work runs on a worker pool, never on gRPC's own threads.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/worker_pool.h"

namespace mixmatch {

inline void AddRetryDelay(grpc::CallbackServerContext* context) {
  context->AddTrailingMetadata("retry-delay-ms",
                               absl::StrCat(absl::ToInt64Milliseconds(kRetryDelay)));
}

// Runs `work` on `pool` and finishes the call with what it returns. A full pool is
// RESOURCE_EXHAUSTED with a retry delay; a call that was cancelled meanwhile does no work.
template <typename Response>
grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* context, Response* response,
                                   WorkerPool& pool,
                                   std::function<absl::StatusOr<Response>()> work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const bool queued = pool.Submit([context, response, reactor, work = std::move(work)] {
    if (context->IsCancelled()) {
      reactor->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled by the client"));
      return;
    }
    absl::StatusOr<Response> answer = work();
    const absl::Status status = answer.status();
    if (status.ok()) *response = *std::move(answer);
    if (absl::IsResourceExhausted(status)) AddRetryDelay(context);
    reactor->Finish(ToGrpc(status));
  });
  if (!queued) {
    AddRetryDelay(context);
    reactor->Finish(ToGrpc(absl::ResourceExhaustedError(
        "call refused: too many calls wait for a thread; try again later")));
  }
  return reactor;
}

}  // namespace mixmatch
