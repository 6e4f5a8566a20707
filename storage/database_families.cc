// Families by name, and flushes. While RocksDB makes or drops a family, begins a flush, or looks
// for files that nobody needs any more, all writes wait for the thread that does it.
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/thread_priority.h"
#include "storage/database_impl.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

void RunInFront(BackgroundWriter& changer, const std::function<void()>& change) {
  if (IsBehind()) {
    changer.Do(change);
  } else {
    change();
  }
}

}  // namespace

FamilyHandle Database::Impl::Share(rocksdb::ColumnFamilyHandle* handle) const {
  // Both outlive this database where someone holds the handle for longer.
  return FamilyHandle(
      handle, [db = db_, changer = background_changer_](rocksdb::ColumnFamilyHandle* h) {
        RunInFront(*changer, [&] { db->DestroyColumnFamilyHandle(h).PermitUncheckedError(); });
      });
}

void Database::Impl::Change(const std::function<void()>& change) const {
  RunInFront(*background_changer_, change);
}

absl::Status Database::Impl::Flush(rocksdb::ColumnFamilyHandle* family,
                                   std::string_view what) const {
  rocksdb::Status flushed;
  Change([&] { flushed = db_->Flush(rocksdb::FlushOptions(), family); });
  return FromRocks(flushed, what);
}

FamilyHandle Database::Impl::FindNamed(const std::string& name) const {
  const absl::MutexLock lock(&mu_);
  const auto found = named_.find(name);
  return found == named_.end() ? nullptr : found->second;
}

std::map<std::string, FamilyHandle> Database::Impl::Named() const {
  const absl::MutexLock lock(&mu_);
  return named_;
}

absl::StatusOr<FamilyHandle> Database::Impl::CreateNamed(const std::string& name) {
  const absl::MutexLock lock(&mu_);
  if (named_.contains(name)) {
    return absl::AlreadyExistsError(absl::StrCat("column family not made: ", name, " exists"));
  }
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  rocksdb::Status made;
  Change([&] { made = db_->CreateColumnFamily(named_options_, name, &handle); });
  MM_RETURN_IF_ERROR(FromRocks(made, absl::StrCat("column family not made: ", name)));
  return named_[name] = Share(handle);
}

absl::Status Database::Impl::DropNamed(const std::string& name) {
  const absl::MutexLock lock(&mu_);
  const auto found = named_.find(name);
  if (found == named_.end()) return absl::OkStatus();
  rocksdb::Status dropped;
  Change([&] { dropped = db_->DropColumnFamily(found->second.get()); });
  MM_RETURN_IF_ERROR(FromRocks(dropped, absl::StrCat("column family not dropped: ", name)));
  named_.erase(found);
  return absl::OkStatus();
}

}  // namespace mixmatch
