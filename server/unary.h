// A unary call on the callback API whose work runs on a worker pool, never on gRPC's own threads.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/convert.h"
#include "server/current_call.h"
#include "server/retry_delay.h"
#include "server/worker_pool.h"

namespace mixmatch {

// The status of a call that ends, with its retry delay beside it where it has one.
inline grpc::Status Ending(grpc::CallbackServerContext* context, const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    context->AddTrailingMetadata("retry-delay-ms",
                                 absl::StrCat(absl::ToInt64Milliseconds(RetryDelayOf(status))));
  }
  return ToGrpc(status);
}

// Runs `work` on `pool` and finishes the call with what it returns. A pool that is full, or in
// which the call waited too long, is RESOURCE_EXHAUSTED with a retry delay; a call that was
// cancelled or whose deadline passed meanwhile does no work, or ends it where that asks
// CurrentCall.
template <typename Response>
grpc::ServerUnaryReactor* RunUnary(grpc::CallbackServerContext* context, Response* response,
                                   WorkerPool& pool,
                                   std::function<absl::StatusOr<Response>()> work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Status queued =
      pool.Submit([context, response, reactor, work = std::move(work)](bool ok) {
        if (context->IsCancelled()) {
          reactor->Finish(grpc::Status(grpc::StatusCode::CANCELLED, "cancelled by the client"));
          return;
        }
        absl::StatusOr<Response> answer = absl::ResourceExhaustedError(
            "call refused: it waited too long for a thread, as others do; try again later");
        if (ok) {
          const CurrentCall call([context] { return context->IsCancelled(); });
          answer = work();
        }
        const absl::Status status = answer.status();
        if (status.ok()) *response = *std::move(answer);
        reactor->Finish(Ending(context, status));
      });
  if (!queued.ok()) reactor->Finish(Ending(context, queued));
  return reactor;
}

}  // namespace mixmatch
