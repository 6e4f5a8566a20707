// Which codes mean what for a stream.
#include "clients/cpp/remedy_internal.h"

namespace mixmatch::client {

Remedy RemedyFor(const absl::Status& status, bool delay_named) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      // Without a delay it is gRPC's own: a message over the size limit.
      return delay_named ? Remedy::kReconnect : Remedy::kIsolate;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kInternal:
      return Remedy::kIsolate;
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kFailedPrecondition:
      return Remedy::kGiveUp;
    default:
      return Remedy::kReconnect;
  }
}

}  // namespace mixmatch::client
