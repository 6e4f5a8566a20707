// Server streams that tell progress.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>

#include "absl/status/statusor.h"
#include "clients/cpp/connection_internal.h"

namespace mixmatch::client {

// Reads a server stream to its end. Returns its last message.
template <typename Response, typename Reader>
absl::StatusOr<Response> ReadAll(grpc::ClientContext* context, Reader* reader,
                                 const std::function<bool(const Response&)>& progress) {
  Response message;
  Response last;
  bool any = false;
  bool cancelled = false;
  while (reader->Read(&message)) {
    any = true;
    last.Swap(&message);
    if (!cancelled && progress && !progress(last)) {
      cancelled = true;
      context->TryCancel();
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return FromGrpc(status);
  if (!any)
    return absl::InternalError("stream: it ended without a message; look at the daemon's log");
  return last;
}

}  // namespace mixmatch::client
