// Names of files are RocksDB's: MANIFEST-n, n.sst, n.blob, and n.log for the write-ahead log.
#include "storage/current_file.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/database_impl.h"
#include "storage/high_water_mark.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

constexpr char kManifest[] = "MANIFEST-";
// Of a first start: the next one is named before anything is stored. Alone in a folder, it is of
// one that was cut off before it made CURRENT.
constexpr char kFirstManifest[] = "MANIFEST-000001";

bool IsOfTables(const FileFact& file) {
  return absl::EndsWith(file.name, ".sst") || absl::EndsWith(file.name, ".blob");
}

bool IsOfADatabase(const FileFact& file) {
  return IsOfTables(file) || absl::EndsWith(file.name, ".log") ||
         (absl::StartsWith(file.name, kManifest) && file.name != kFirstManifest);
}

// How many tables that are there a MANIFEST knows; none where it cannot be read. CURRENT names it
// afterwards.
absl::StatusOr<size_t> TablesBy(const std::string& folder, const std::string& manifest) {
  MM_RETURN_IF_ERROR(ReplaceFile(folder + "/CURRENT", manifest + "\n"));
  const auto opened = Database::Impl::Open(folder, {.create_if_missing = false, .read_only = true},
                                           /*lenient=*/true);
  if (!opened.ok()) return 0;
  std::vector<rocksdb::LiveFileMetaData> tables;
  (*opened)->db().GetLiveFilesMetaData(&tables);
  size_t there = 0;
  for (const rocksdb::LiveFileMetaData& table : tables) {
    std::error_code ignored;
    if (fs::exists(absl::StrCat(folder, "/", table.relative_filename), ignored)) ++there;
  }
  return there;
}

}  // namespace

absl::Status CheckCurrent(const std::string& path) {
  const std::string current = path + "/CURRENT";
  const absl::StatusOr<std::string> named = ReadWholeFile(current);
  // Of what cannot be read, RocksDB says why.
  if (!named.ok() && !absl::IsNotFound(named.status())) return absl::OkStatus();
  const bool first = named.ok() && *named == absl::StrCat(kFirstManifest, "\n");
  if (named.ok() && !named->empty() && !first) return absl::OkStatus();
  const char* const fact = first        ? " is of an empty database"
                           : named.ok() ? " is empty"
                                        : " is not there";
  const std::string what = absl::StrCat("database not opened: ", current, fact);
  const absl::StatusOr<std::vector<FileFact>> files = ListDatabaseFiles(path);
  if (files.ok()) {
    const auto left =
        std::find_if(files->begin(), files->end(), first ? IsOfTables : IsOfADatabase);
    if (left != files->end()) {
      return absl::DataLossError(
          absl::StrCat(what, ", and ", left->name,
                       " of a database is there; keep a copy of the directory, then restore a "
                       "snapshot, or bring over what is left with mixmatchctl fsck --salvage"));
    }
  }
  const std::optional<Mark> mark = first ? std::nullopt : ReadMark(path + ".mark");
  if (!mark) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(what, ", and sequences up to ", mark->last_seq,
                   " were stored; restore a snapshot, or, to begin anew, remove ", path, ".mark"));
}

absl::Status MendCurrent(const std::string& folder) {
  MM_ASSIGN_OR_RETURN(const std::vector<FileFact> files, ListDatabaseFiles(folder));
  std::vector<std::string> manifests;
  for (const FileFact& file : files) {
    if (absl::StartsWith(file.name, kManifest)) manifests.push_back(file.name);
  }
  if (manifests.empty()) return absl::DataLossError("nothing salvaged: there is no MANIFEST");
  // The newest first: numbers of one length sort as names do; a longer one is newer.
  std::sort(manifests.begin(), manifests.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.size(), a) > std::pair(b.size(), b);
  });
  const absl::StatusOr<std::string> current = ReadWholeFile(folder + "/CURRENT");
  if (current.ok() && absl::EndsWith(*current, "\n")) {
    const auto named =
        std::find(manifests.begin(), manifests.end(), current->substr(0, current->size() - 1));
    if (named != manifests.end()) std::rotate(manifests.begin(), named, named + 1);
  }
  if (manifests.size() > 1) {
    for (const std::string& manifest : manifests) {
      MM_ASSIGN_OR_RETURN(const size_t tables, TablesBy(folder, manifest));
      if (tables > 0) return absl::OkStatus();
    }
  }
  return ReplaceFile(folder + "/CURRENT", manifests.front() + "\n");
}

}  // namespace mixmatch
