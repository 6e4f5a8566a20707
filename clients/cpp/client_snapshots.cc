// The calls about snapshots.
#include "clients/cpp/client.h"
#include "clients/cpp/connection_internal.h"
#include "clients/cpp/retry_internal.h"
#include "clients/cpp/stream_internal.h"

namespace mixmatch::client {
namespace {

ClientOptions Once(ClientOptions options) {
  options.attempts_max = 1;
  return options;
}

}  // namespace

absl::StatusOr<v1::CreateSnapshotResponse> Client::CreateSnapshot(
    const v1::CreateSnapshotRequest& request, const CreateSnapshotProgress& progress) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->snapshots().CreateSnapshot(&context, request);
  return ReadAll<v1::CreateSnapshotResponse>(&context, reader.get(), progress);
}

absl::StatusOr<v1::VerifySnapshotResponse> Client::VerifySnapshot(
    const v1::VerifySnapshotRequest& request, const VerifySnapshotProgress& progress) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->snapshots().VerifySnapshot(&context, request);
  return ReadAll<v1::VerifySnapshotResponse>(&context, reader.get(), progress);
}

absl::StatusOr<v1::ListSnapshotsResponse> Client::ListSnapshots() const {
  return Retry<v1::ListSnapshotsResponse>(
      connection_->options(),
      [&](grpc::ClientContext* context, v1::ListSnapshotsResponse* response) {
        return connection_->snapshots().ListSnapshots(context, {}, response);
      });
}

absl::StatusOr<v1::DeleteSnapshotResponse> Client::DeleteSnapshot(
    const v1::DeleteSnapshotRequest& request) const {
  return Retry<v1::DeleteSnapshotResponse>(
      Once(connection_->options()),
      [&](grpc::ClientContext* context, v1::DeleteSnapshotResponse* response) {
        return connection_->snapshots().DeleteSnapshot(context, request, response);
      });
}

absl::StatusOr<v1::RestoreSnapshotResponse> Client::RestoreSnapshot(
    const v1::RestoreSnapshotRequest& request) const {
  return Retry<v1::RestoreSnapshotResponse>(
      Once(connection_->options()),
      [&](grpc::ClientContext* context, v1::RestoreSnapshotResponse* response) {
        return connection_->snapshots().RestoreSnapshot(context, request, response);
      });
}

}  // namespace mixmatch::client
