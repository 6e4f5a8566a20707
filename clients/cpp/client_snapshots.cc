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

absl::StatusOr<v1::DownloadSnapshotResponse> Client::DownloadSnapshot(
    const v1::DownloadSnapshotRequest& request, const DownloadProgress& progress) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->snapshots().DownloadSnapshot(&context, request);
  return ReadAll<v1::DownloadSnapshotResponse>(&context, reader.get(), progress);
}

absl::StatusOr<v1::CreateBackupResponse> Client::CreateBackup(
    const CreateBackupProgress& progress) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->snapshots().CreateBackup(&context, {});
  return ReadAll<v1::CreateBackupResponse>(&context, reader.get(), progress);
}

absl::StatusOr<v1::VerifyBackupResponse> Client::VerifyBackup(
    const v1::VerifyBackupRequest& request) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->snapshots().VerifyBackup(&context, request);
  return ReadAll<v1::VerifyBackupResponse>(&context, reader.get(), nullptr);
}

absl::StatusOr<v1::FetchBackupResponse> Client::FetchBackup(
    const v1::FetchBackupRequest& request, const FetchBackupProgress& progress) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->snapshots().FetchBackup(&context, request);
  return ReadAll<v1::FetchBackupResponse>(&context, reader.get(), progress);
}

absl::StatusOr<v1::ListBackupsResponse> Client::ListBackups() const {
  return Retry<v1::ListBackupsResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::ListBackupsResponse* response) {
        return connection_->snapshots().ListBackups(context, {}, response);
      });
}

absl::StatusOr<v1::DeleteBackupResponse> Client::DeleteBackup(
    const v1::DeleteBackupRequest& request) const {
  return Retry<v1::DeleteBackupResponse>(
      Once(connection_->options()),
      [&](grpc::ClientContext* context, v1::DeleteBackupResponse* response) {
        return connection_->snapshots().DeleteBackup(context, request, response);
      });
}

}  // namespace mixmatch::client
