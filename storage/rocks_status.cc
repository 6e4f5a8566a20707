// One table.
#include "storage/rocks_status.h"

#include "absl/strings/str_cat.h"

namespace mixmatch {

absl::Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const std::string fact =
      absl::StrCat(absl::string_view(what.data(), what.size()), ": ", status.ToString());
  if (status.IsNotFound()) return absl::NotFoundError(fact);
  if (status.IsCorruption()) {
    return absl::DataLossError(absl::StrCat(fact, "; check the disk and restore a snapshot"));
  }
  if (status.IsNoSpace() || status.subcode() == rocksdb::Status::kNoSpace) {
    return absl::ResourceExhaustedError(absl::StrCat(fact, "; free disk space and try again"));
  }
  if (status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() ||
      status.IsShutdownInProgress()) {
    return absl::UnavailableError(absl::StrCat(fact, "; try again"));
  }
  if (status.IsIOError()) {
    return absl::UnavailableError(absl::StrCat(fact, "; check the disk: it gives errors"));
  }
  return absl::InternalError(absl::StrCat(fact, "; see the database's LOG file"));
}

}  // namespace mixmatch
