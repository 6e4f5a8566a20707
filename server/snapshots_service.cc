// Streams tell progress; everything else hands over and returns.
#include "server/snapshots_service.h"

#include <atomic>
#include <memory>

#include "core/base/status.h"
#include "server/convert.h"
#include "server/download_stream.h"
#include "server/progress_stream.h"
#include "server/unary.h"

namespace mixmatch {
namespace {

v1::Snapshot ToProto(const Snapshot& snapshot) {
  v1::Snapshot out;
  out.set_name(snapshot.name);
  *out.mutable_create_time() = mixmatch::ToProto(snapshot.create_time);
  out.set_last_sequence(snapshot.last_seq);
  out.set_event_count(snapshot.event_count);
  out.set_generation(snapshot.generation);
  out.set_bytes(snapshot.bytes);
  out.set_file_count(snapshot.file_count);
  out.set_version(snapshot.program_version);
  return out;
}

v1::Backup ToProto(const Backup& backup) {
  v1::Backup out;
  out.set_backup_id(backup.id);
  *out.mutable_create_time() = mixmatch::ToProto(backup.facts.create_time);
  out.set_last_sequence(backup.facts.last_seq);
  out.set_event_count(backup.facts.event_count);
  out.set_generation(backup.facts.generation);
  out.set_bytes(backup.bytes);
  out.set_file_count(backup.file_count);
  out.set_version(backup.facts.program_version);
  return out;
}

// A stream whose work ends when the client goes away, and what tells it of progress.
template <typename Response>
struct Telling {
  Telling()
      : stream(ProgressStream<Response>::Create([cancelled = cancelled] { *cancelled = true; })) {}

  SnapshotProgress progress() const {
    return [stream = stream, cancelled = cancelled](uint64_t done, uint64_t total) {
      Response response;
      response.set_done_bytes(done);
      response.set_total_bytes(total);
      stream->Push(std::move(response));
      return !cancelled->load();
    };
  }

  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<ProgressStream<Response>> stream;
};

}  // namespace

grpc::ServerWriteReactor<v1::CreateSnapshotResponse>* SnapshotsService::CreateSnapshot(
    grpc::CallbackServerContext* /*context*/, const v1::CreateSnapshotRequest* request) {
  const Telling<v1::CreateSnapshotResponse> telling;
  const auto stream = telling.stream;
  const absl::Status queued = desk_->Create(request->name(), telling.progress(),
                                            [stream](const absl::StatusOr<Snapshot>& made) {
                                              if (made.ok()) {
                                                v1::CreateSnapshotResponse last;
                                                last.set_done_bytes(made->bytes);
                                                last.set_total_bytes(made->bytes);
                                                *last.mutable_snapshot() = ToProto(*made);
                                                stream->Push(std::move(last));
                                              }
                                              stream->End(made.status());
                                            });
  if (!queued.ok()) stream->End(queued);
  return stream.get();
}

grpc::ServerUnaryReactor* SnapshotsService::ListSnapshots(
    grpc::CallbackServerContext* context, const v1::ListSnapshotsRequest* /*request*/,
    v1::ListSnapshotsResponse* response) {
  return RunUnary<v1::ListSnapshotsResponse>(
      context, response, *pool_, [this]() -> absl::StatusOr<v1::ListSnapshotsResponse> {
        std::vector<std::string> damaged;
        MM_ASSIGN_OR_RETURN(const std::vector<Snapshot> all, desk_->List(damaged));
        v1::ListSnapshotsResponse out;
        for (const Snapshot& snapshot : all) *out.add_snapshots() = ToProto(snapshot);
        for (const std::string& name : damaged) out.add_damaged(name);
        return out;
      });
}

grpc::ServerWriteReactor<v1::VerifySnapshotResponse>* SnapshotsService::VerifySnapshot(
    grpc::CallbackServerContext* /*context*/, const v1::VerifySnapshotRequest* request) {
  const Telling<v1::VerifySnapshotResponse> telling;
  const auto stream = telling.stream;
  const absl::Status queued = desk_->Verify(
      request->name(), telling.progress(),
      [stream](const absl::StatusOr<Snapshot>& checked) { stream->End(checked.status()); });
  if (!queued.ok()) stream->End(queued);
  return stream.get();
}

grpc::ServerUnaryReactor* SnapshotsService::DeleteSnapshot(grpc::CallbackServerContext* context,
                                                           const v1::DeleteSnapshotRequest* request,
                                                           v1::DeleteSnapshotResponse* response) {
  return RunUnary<v1::DeleteSnapshotResponse>(
      context, response, *pool_, [this, request]() -> absl::StatusOr<v1::DeleteSnapshotResponse> {
        MM_RETURN_IF_ERROR(desk_->Delete(request->name()));
        return v1::DeleteSnapshotResponse();
      });
}

grpc::ServerUnaryReactor* SnapshotsService::RestoreSnapshot(
    grpc::CallbackServerContext* context, const v1::RestoreSnapshotRequest* request,
    v1::RestoreSnapshotResponse* response) {
  return RunUnary<v1::RestoreSnapshotResponse>(
      context, response, *pool_, [this, request]() -> absl::StatusOr<v1::RestoreSnapshotResponse> {
        MM_ASSIGN_OR_RETURN(const Snapshot snapshot, desk_->Restore(request->name()));
        v1::RestoreSnapshotResponse out;
        *out.mutable_snapshot() = ToProto(snapshot);
        return out;
      });
}

grpc::ServerWriteReactor<v1::DownloadSnapshotResponse>* SnapshotsService::DownloadSnapshot(
    grpc::CallbackServerContext* /*context*/, const v1::DownloadSnapshotRequest* request) {
  return new DownloadStream(&desk_->snapshots(), request->name(), pool_);
}

grpc::ServerWriteReactor<v1::CreateBackupResponse>* SnapshotsService::CreateBackup(
    grpc::CallbackServerContext* /*context*/, const v1::CreateBackupRequest* /*request*/) {
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  const auto stream =
      ProgressStream<v1::CreateBackupResponse>::Create([cancelled] { *cancelled = true; });
  const absl::Status queued = desk_->CreateBackup(
      [stream, cancelled](uint64_t done) {
        v1::CreateBackupResponse response;
        response.set_done_bytes(done);
        stream->Push(std::move(response));
        return !cancelled->load();
      },
      [stream](const absl::StatusOr<Backup>& made) {
        if (made.ok()) {
          v1::CreateBackupResponse last;
          last.set_done_bytes(made->bytes);
          *last.mutable_backup() = ToProto(*made);
          stream->Push(std::move(last));
        }
        stream->End(made.status());
      });
  if (!queued.ok()) stream->End(queued);
  return stream.get();
}

grpc::ServerUnaryReactor* SnapshotsService::ListBackups(grpc::CallbackServerContext* context,
                                                        const v1::ListBackupsRequest* /*request*/,
                                                        v1::ListBackupsResponse* response) {
  return RunUnary<v1::ListBackupsResponse>(
      context, response, *pool_, [this]() -> absl::StatusOr<v1::ListBackupsResponse> {
        std::vector<uint32_t> damaged;
        MM_ASSIGN_OR_RETURN(const std::vector<Backup> all, desk_->ListBackups(damaged));
        v1::ListBackupsResponse out;
        for (const Backup& backup : all) *out.add_backups() = ToProto(backup);
        for (const uint32_t id : damaged) out.add_damaged(id);
        return out;
      });
}

grpc::ServerWriteReactor<v1::VerifyBackupResponse>* SnapshotsService::VerifyBackup(
    grpc::CallbackServerContext* /*context*/, const v1::VerifyBackupRequest* request) {
  const auto stream = ProgressStream<v1::VerifyBackupResponse>::Create();
  v1::VerifyBackupResponse begun;
  begun.set_backup_id(request->backup_id());
  stream->Push(std::move(begun));
  const absl::Status queued = desk_->VerifyBackup(
      request->backup_id(), [stream](const absl::Status& checked) { stream->End(checked); });
  if (!queued.ok()) stream->End(queued);
  return stream.get();
}

grpc::ServerUnaryReactor* SnapshotsService::DeleteBackup(grpc::CallbackServerContext* context,
                                                         const v1::DeleteBackupRequest* request,
                                                         v1::DeleteBackupResponse* response) {
  return RunUnary<v1::DeleteBackupResponse>(
      context, response, *pool_, [this, request]() -> absl::StatusOr<v1::DeleteBackupResponse> {
        MM_RETURN_IF_ERROR(desk_->DeleteBackup(request->backup_id()));
        return v1::DeleteBackupResponse();
      });
}

grpc::ServerWriteReactor<v1::FetchBackupResponse>* SnapshotsService::FetchBackup(
    grpc::CallbackServerContext* /*context*/, const v1::FetchBackupRequest* request) {
  const Telling<v1::FetchBackupResponse> telling;
  const auto stream = telling.stream;
  const absl::Status queued = desk_->FetchBackup(request->backup_id(), telling.progress(),
                                                 [stream](const absl::StatusOr<Snapshot>& fetched) {
                                                   if (fetched.ok()) {
                                                     v1::FetchBackupResponse last;
                                                     *last.mutable_snapshot() = ToProto(*fetched);
                                                     stream->Push(std::move(last));
                                                   }
                                                   stream->End(fetched.status());
                                                 });
  if (!queued.ok()) stream->End(queued);
  return stream.get();
}

}  // namespace mixmatch
