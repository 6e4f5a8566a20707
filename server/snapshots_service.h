// The Snapshots service.
#pragma once

#include "mixmatch/v1/snapshots.grpc.pb.h"
#include "server/snapshot_desk.h"
#include "server/worker_pool.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class SnapshotsService final : public v1::Snapshots::CallbackService {
 public:
  SnapshotsService(SnapshotDesk* desk, WorkerPool* pool) : desk_(desk), pool_(pool) {}

  grpc::ServerWriteReactor<v1::CreateSnapshotResponse>* CreateSnapshot(
      grpc::CallbackServerContext* context, const v1::CreateSnapshotRequest* request) override;
  grpc::ServerUnaryReactor* ListSnapshots(grpc::CallbackServerContext* context,
                                          const v1::ListSnapshotsRequest* request,
                                          v1::ListSnapshotsResponse* response) override;
  grpc::ServerWriteReactor<v1::VerifySnapshotResponse>* VerifySnapshot(
      grpc::CallbackServerContext* context, const v1::VerifySnapshotRequest* request) override;
  grpc::ServerUnaryReactor* DeleteSnapshot(grpc::CallbackServerContext* context,
                                           const v1::DeleteSnapshotRequest* request,
                                           v1::DeleteSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* RestoreSnapshot(grpc::CallbackServerContext* context,
                                            const v1::RestoreSnapshotRequest* request,
                                            v1::RestoreSnapshotResponse* response) override;
  grpc::ServerWriteReactor<v1::DownloadSnapshotResponse>* DownloadSnapshot(
      grpc::CallbackServerContext* context, const v1::DownloadSnapshotRequest* request) override;

  grpc::ServerWriteReactor<v1::CreateBackupResponse>* CreateBackup(
      grpc::CallbackServerContext* context, const v1::CreateBackupRequest* request) override;
  grpc::ServerUnaryReactor* ListBackups(grpc::CallbackServerContext* context,
                                        const v1::ListBackupsRequest* request,
                                        v1::ListBackupsResponse* response) override;
  grpc::ServerWriteReactor<v1::VerifyBackupResponse>* VerifyBackup(
      grpc::CallbackServerContext* context, const v1::VerifyBackupRequest* request) override;
  grpc::ServerUnaryReactor* DeleteBackup(grpc::CallbackServerContext* context,
                                         const v1::DeleteBackupRequest* request,
                                         v1::DeleteBackupResponse* response) override;
  grpc::ServerWriteReactor<v1::FetchBackupResponse>* FetchBackup(
      grpc::CallbackServerContext* context, const v1::FetchBackupRequest* request) override;

 private:
  SnapshotDesk* const desk_;
  WorkerPool* const pool_;
};

}  // namespace mixmatch
