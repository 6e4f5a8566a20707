// Opens without writing, and goes from the ground up.
#include "storage/check/fsck.h"

#include <filesystem>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/status.h"
#include "storage/check/derived_check.h"
#include "storage/check/log_check.h"
#include "storage/check/still_copy.h"
#include "storage/database.h"
#include "storage/database_impl.h"

namespace mixmatch {

namespace {

// Of a database that nobody writes meanwhile.
FsckReport Check(const std::string& path, const FsckProgress& progress) {
  FsckReport report;
  const auto found = [&report](const char* where, const absl::Status& status) {
    report.Add({.family = where, .ground = true, .what = std::string(status.message())});
  };
  progress("tables", 0);
  const absl::Status tables = Database::Check(path);
  if (!tables.ok()) found("tables", tables);
  DatabaseOptions options{.create_if_missing = false, .read_only = true};
  auto database = Database::Open(path, options);
  if (!database.ok()) {
    absl::Status status = database.status();
    options.salvage = true;
    if (absl::IsDataLoss(status)) database = Database::Open(path, options);
    if (database.ok()) {
      status = absl::DataLossError(
          absl::StrCat(std::string(status.message()), Database::DescribeLogDamage(path)));
    }
    found("database", status);
    if (!database.ok()) return report;
  }
  const Database::Impl& db = (*database)->impl();
  const std::vector<bool> events = CheckLog(db, progress, report);
  CheckDerived(db, events, progress, report);
  return report;
}

}  // namespace

absl::StatusOr<FsckReport> Fsck(const std::string& path, const FsckProgress& progress) {
  std::error_code error;
  if (!std::filesystem::exists(path + "/CURRENT", error)) {
    return absl::NotFoundError(
        absl::StrCat("not checked: there is no database in ", path, "; give a data directory"));
  }
  // Tables that go while a daemon works would look like lost ones.
  if (!IsOpenElsewhere(path)) return Check(path, progress);
  MM_ASSIGN_OR_RETURN(const std::unique_ptr<StillCopy> copy, StillCopy::Of(path));
  FsckReport report = Check(copy->path(), progress);
  for (FsckFinding& finding : report.findings) {
    finding.what = absl::StrReplaceAll(finding.what, {{copy->path(), path}});
  }
  return report;
}

}  // namespace mixmatch
