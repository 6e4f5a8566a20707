// Linked again while tables come and go; the mark first, so that it is not ahead of the log.
#include "storage/check/still_copy.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/base/status.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

constexpr char kCopy[] = ".checked-";
constexpr char kMark[] = ".mark";
constexpr int kTriesMax = 200;
constexpr absl::Duration kPause = absl::Milliseconds(25);

// What changes when tables come and go: the MANIFEST, by name and length.
absl::StatusOr<std::map<std::string, uint64_t>> Tables(const std::string& path) {
  MM_ASSIGN_OR_RETURN(const std::vector<FileFact> files, ListDatabaseFiles(path));
  std::map<std::string, uint64_t> tables;
  for (const FileFact& file : files) {
    if (absl::StartsWith(file.name, "MANIFEST")) tables[file.name] = file.bytes;
  }
  return tables;
}

// Whether `to` holds the tables of one moment and the log from then on. Links take no time, so
// that a try seldom meets a change of tables.
absl::StatusOr<bool> TryLink(const std::string& path, const std::string& to) {
  MM_ASSIGN_OR_RETURN(const auto before, Tables(path));
  std::error_code error;
  fs::copy_file(path + kMark, to + kMark, fs::copy_options::overwrite_existing, error);
  MM_RETURN_IF_ERROR(LinkDatabase(path, to));
  MM_ASSIGN_OR_RETURN(const auto after, Tables(path));
  return before == after;
}

}  // namespace

bool IsOpenElsewhere(const std::string& path) {
  const int file = open((path + "/LOCK").c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return false;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close(file);
  return held;
}

absl::StatusOr<std::unique_ptr<StillCopy>> StillCopy::Of(const std::string& path) {
  RemoveStillCopies(path);
  std::unique_ptr<StillCopy> copy(new StillCopy(absl::StrCat(path, kCopy, getpid())));
  for (int i = 0; i < kTriesMax; ++i) {
    const absl::StatusOr<bool> still = TryLink(path, copy->path());
    if (still.ok() && *still) {
      MM_RETURN_IF_ERROR(UnlinkLogs(copy->path()));
      return copy;
    }
    if (!still.ok() && !absl::IsNotFound(still.status())) return still.status();
    absl::SleepFor(kPause);
  }
  return absl::UnavailableError(absl::StrCat(
      "not copied: files in ", path, " come and go all the time; try again, or end the daemon"));
}

StillCopy::~StillCopy() {
  RemoveAll(path_).IgnoreError();
  std::error_code error;
  fs::remove(path_ + kMark, error);
}

void RemoveStillCopies(const std::string& path) {
  const fs::path database(path);
  const std::string prefix = database.filename().string() + kCopy;
  std::error_code error;
  auto entry = fs::directory_iterator(database.parent_path(), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!absl::StartsWith(name, prefix)) continue;
    std::string number = name.substr(prefix.size());
    if (absl::EndsWith(number, kMark)) number.resize(number.size() - sizeof(kMark) + 1);
    int process = 0;
    const bool lives = absl::SimpleAtoi(number, &process) && process > 0 && process != getpid() &&
                       (kill(process, 0) == 0 || errno != ESRCH);
    if (!lives) RemoveAll(entry->path().string()).IgnoreError();
  }
}

}  // namespace mixmatch
