// A server stream that sends the files of a snapshot, part by part: the next part is read when the
// one before is on its way, so that a slow reader holds one part in memory.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mixmatch/v1/snapshots.pb.h"
#include "server/convert.h"
#include "server/worker_pool.h"
#include "storage/snapshots.h"

namespace mixmatch {

// Lives until gRPC is done with it. Borrows the pool, on which parts are read, and the snapshots.
class DownloadStream final : public grpc::ServerWriteReactor<v1::DownloadSnapshotResponse> {
 public:
  DownloadStream(const Snapshots* snapshots, std::string name, WorkerPool* pool)
      : snapshots_(snapshots), name_(std::move(name)), pool_(pool) {
    Next();
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      Next();
    } else {
      Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the client went away"));
    }
  }
  void OnDone() override { delete this; }

 private:
  static constexpr uint64_t kPartBytes = 1 << 20;

  // One call of Next is under way at a time, so nothing is shared between threads.
  void Next() {
    const absl::Status queued = pool_->Submit([this](bool) { Send(); });
    if (!queued.ok()) Finish(ToGrpc(queued));
  }

  void Send() {
    const absl::Status status = files_.empty() ? Begin() : absl::OkStatus();
    if (!status.ok()) return Finish(ToGrpc(status));
    while (file_ < files_.size() && offset_ > 0 && offset_ >= files_[file_].bytes) {
      ++file_;
      offset_ = 0;
    }
    if (file_ == files_.size()) return Finish(grpc::Status::OK);
    const Snapshots::File& file = files_[file_];
    absl::StatusOr<std::string> data = snapshots_->Read(name_, file, offset_, kPartBytes);
    if (!data.ok()) return Finish(ToGrpc(data.status()));
    part_.set_path(file.path);
    part_.set_offset(offset_);
    offset_ += data->size();
    part_.set_done_bytes(part_.done_bytes() + data->size());
    part_.set_data(*std::move(data));
    if (file.bytes == 0) offset_ = 1;  // an empty file is one part
    StartWrite(&part_);
  }

  absl::Status Begin() {
    auto files = snapshots_->Files(name_);
    if (!files.ok()) return files.status();
    files_ = *std::move(files);
    uint64_t total = 0;
    for (const Snapshots::File& file : files_) total += file.bytes;
    part_.set_total_bytes(total);
    return absl::OkStatus();
  }

  const Snapshots* const snapshots_;
  const std::string name_;
  WorkerPool* const pool_;
  std::vector<Snapshots::File> files_;
  size_t file_ = 0;
  uint64_t offset_ = 0;
  v1::DownloadSnapshotResponse part_;
};

}  // namespace mixmatch
