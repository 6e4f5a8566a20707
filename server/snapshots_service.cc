// Streams tell progress; everything else hands over and returns.
#include "server/snapshots_service.h"

#include <atomic>
#include <memory>

#include "core/base/status.h"
#include "server/convert.h"
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

}  // namespace mixmatch
