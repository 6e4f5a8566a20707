// Errors of the disk are told by the write that meets them, damage by the compaction.
#include "storage/background_errors.h"

#include "storage/rocks_status.h"

namespace mixmatch {

absl::Status BackgroundErrors::health() const {
  const absl::MutexLock lock(&mu_);
  return health_;
}

void BackgroundErrors::Note(const rocksdb::Status& status) {
  if (!status.IsIOError() && !status.IsCorruption()) return;
  if (status.severity() < rocksdb::Status::Severity::kFatalError) return;
  const absl::MutexLock lock(&mu_);
  if (health_.ok()) health_ = FromRocks(status, "the database cannot be written");
}

void BackgroundErrors::OnBackgroundError(rocksdb::BackgroundErrorReason reason,
                                         rocksdb::Status* error) {
  // RocksDB gets over some errors of the disk by itself: the write that does not succeed says
  // which.
  if (!error->IsCorruption()) return;
  if (reason == rocksdb::BackgroundErrorReason::kCompaction && tolerances_ > 0) {
    // What it made is dropped, and what it read is still there. One that nobody asked for is tried
    // again in a second.
    *error = rocksdb::Status::OK();
    return;
  }
  Note(*error);
}

}  // namespace mixmatch
