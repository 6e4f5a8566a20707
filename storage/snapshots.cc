// Every step is on the disk before the one that relies on it.
#include "storage/snapshots.h"

#include <rocksdb/db.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/check/still_copy.h"
#include "storage/codec/envelope.h"
#include "storage/database_impl.h"
#include "storage/rocks_status.h"
#include "storage/snapshot_files.h"
#include "storage/snapshot_record.h"
#include "storage/snapshots.pb.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
using storage::v1::SnapshotRecord;

constexpr size_t kNameMax = 64;
constexpr char kRecordFile[] = "/SNAPSHOT";
constexpr char kPending[] = "/restore.pending";
constexpr char kPreRestore[] = "pre-restore-";
constexpr char kUnfinished[] = ".unfinished-";  // before a snapshot's name while it is made

absl::Status CheckName(const std::string& name) {
  const bool fits =
      !name.empty() && name.size() <= kNameMax && name[0] != '.' &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '-';
      });
  if (fits) return absl::OkStatus();
  return InvalidField("name", absl::StrCat("snapshot name '", name, "': take 1 to ", kNameMax,
                                           " of [A-Za-z0-9_.-], the first not a dot"));
}

absl::Status NotThere(const std::string& name) {
  return FieldError(absl::StatusCode::kNotFound, "name",
                    absl::StrCat("snapshot not found: '", name, "'; list them for their names"));
}

absl::Status Damaged(const std::string& name, absl::string_view fact) {
  return absl::DataLossError(
      absl::StrCat("snapshot '", name, "' is damaged: ", fact, "; take another one"));
}

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

SnapshotRecord ToRecord(const SnapshotFacts& facts, const std::vector<FileFact>& files) {
  SnapshotRecord record = RecordOf(facts);
  for (const FileFact& file : files) {
    SnapshotRecord::File& added = *record.add_files();
    added.set_name(file.name);
    added.set_bytes(file.bytes);
    added.set_checksum(file.checksum);
  }
  return record;
}

Snapshot FromRecord(const std::string& name, const SnapshotRecord& record) {
  const SnapshotFacts facts = FactsOf(record);
  Snapshot snapshot{.name = name,
                    .create_time = facts.create_time,
                    .last_seq = facts.last_seq,
                    .event_count = facts.event_count,
                    .generation = facts.generation,
                    .file_count = static_cast<uint64_t>(record.files_size()),
                    .program_version = facts.program_version};
  for (const SnapshotRecord::File& file : record.files()) snapshot.bytes += file.bytes();
  return snapshot;
}

absl::StatusOr<SnapshotRecord> ReadRecord(const std::string& folder, const std::string& name) {
  MM_RETURN_IF_ERROR(CheckName(name));
  if (!Exists(folder)) return NotThere(name);
  const absl::StatusOr<std::string> value = ReadWholeFile(folder + kRecordFile);
  if (!value.ok()) return Damaged(name, value.status().message());
  SnapshotRecord record;
  const absl::Status read = codec::Decode("snapshots", name, *value, record);
  if (!read.ok()) return Damaged(name, read.message());
  return record;
}

// Sizes alone: what can be told without reading the files.
absl::Status CheckSizes(const std::string& folder, const std::string& name,
                        const SnapshotRecord& record) {
  for (const SnapshotRecord::File& file : record.files()) {
    std::error_code error;
    const uintmax_t bytes = fs::file_size(absl::StrCat(folder, "/db/", file.name()), error);
    if (error) return Damaged(name, absl::StrCat("file ", file.name(), ": ", error.message()));
    if (bytes != file.bytes()) {
      return Damaged(
          name, absl::StrCat("file ", file.name(), " has ", bytes, " bytes, not ", file.bytes()));
    }
  }
  return absl::OkStatus();
}

// Sums up files [their checksums are filled in].
absl::Status SumUp(const std::string& folder, std::vector<FileFact>& files,
                   const SnapshotProgress& progress) {
  uint64_t total = 0;
  uint64_t done = 0;
  for (const FileFact& file : files) total += file.bytes;
  for (FileFact& file : files) {
    const auto read = [&](uint64_t bytes) {
      done += bytes;
      return progress == nullptr || progress(done, total);
    };
    MM_ASSIGN_OR_RETURN(file.checksum, ChecksumFile(absl::StrCat(folder, "/", file.name), read));
  }
  return absl::OkStatus();
}

}  // namespace

std::string Snapshots::Folder(std::string_view name) const {
  return absl::StrCat(data_dir_, "/snapshots/", std::string(name));
}

absl::StatusOr<Snapshot> Snapshots::Create(Database& database, const std::string& name,
                                           const SnapshotFacts& facts,
                                           const SnapshotProgress& progress) const {
  return Add(
      name, facts,
      [this, &database](const std::string& folder) -> absl::Status {
        rocksdb::Checkpoint* raw = nullptr;
        MM_RETURN_IF_ERROR(FromRocks(rocksdb::Checkpoint::Create(&database.impl().db(), &raw),
                                     "snapshot not made"));
        const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
        return FromRocks(checkpoint->CreateCheckpoint(folder, log_bytes_), "snapshot not made");
      },
      progress);
}

absl::StatusOr<Snapshot> Snapshots::Add(
    const std::string& name, const SnapshotFacts& facts,
    const std::function<absl::Status(const std::string& folder)>& fill,
    const SnapshotProgress& progress) const {
  MM_RETURN_IF_ERROR(CheckName(name));
  if (Exists(Folder(name))) {
    return FieldError(absl::StatusCode::kAlreadyExists, "name",
                      absl::StrCat("snapshot not made: '", name,
                                   "' exists; delete it first or take another name"));
  }
  std::error_code error;
  fs::create_directories(Folder(""), error);
  const std::string folder = Folder(absl::StrCat(kUnfinished, name));
  MM_RETURN_IF_ERROR(RemoveAll(folder));
  fs::create_directory(folder, error);
  if (error) {
    return absl::InternalError(absl::StrCat("snapshot not made: ", folder, ": ", error.message(),
                                            "; check the data directory"));
  }
  absl::Cleanup remove = [&folder] { RemoveAll(folder).IgnoreError(); };
  MM_RETURN_IF_ERROR(fill(folder + "/db"));
  MM_ASSIGN_OR_RETURN(std::vector<FileFact> files, ListDatabaseFiles(folder + "/db"));
  MM_RETURN_IF_ERROR(SumUp(folder + "/db", files, progress));
  for (const FileFact& file : files) {
    MM_RETURN_IF_ERROR(SyncFile(absl::StrCat(folder, "/db/", file.name)));
  }
  MM_RETURN_IF_ERROR(SyncFolder(folder + "/db"));
  const SnapshotRecord record = ToRecord(facts, files);
  MM_RETURN_IF_ERROR(ReplaceFile(folder + kRecordFile, codec::Encode(name, record)));
  MM_RETURN_IF_ERROR(Rename(folder, Folder(name)));
  std::move(remove).Cancel();
  MM_RETURN_IF_ERROR(SyncFolder(Folder("")));
  return FromRecord(name, record);
}

absl::StatusOr<std::vector<Snapshot>> Snapshots::List(std::vector<std::string>* damaged) const {
  std::vector<Snapshot> found;
  std::error_code error;
  if (!Exists(Folder(""))) return found;
  auto entry = fs::directory_iterator(Folder(""), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name[0] == '.') continue;  // being made, or left by a process that ended
    const absl::StatusOr<SnapshotRecord> record = ReadRecord(Folder(name), name);
    if (record.ok()) {
      found.push_back(FromRecord(name, *record));
    } else if (damaged != nullptr) {
      damaged->push_back(name);
    }
  }
  if (error) {
    return absl::InternalError(
        absl::StrCat("snapshots not listed: ", error.message(), "; check the data directory"));
  }
  std::sort(found.begin(), found.end(), [](const Snapshot& a, const Snapshot& b) {
    return a.create_time != b.create_time ? a.create_time > b.create_time : a.name > b.name;
  });
  return found;
}

absl::StatusOr<Snapshot> Snapshots::Get(const std::string& name) const {
  MM_ASSIGN_OR_RETURN(const SnapshotRecord record, ReadRecord(Folder(name), name));
  return FromRecord(name, record);
}

absl::StatusOr<std::vector<Snapshots::File>> Snapshots::Files(const std::string& name) const {
  MM_ASSIGN_OR_RETURN(const SnapshotRecord record, ReadRecord(Folder(name), name));
  MM_RETURN_IF_ERROR(CheckSizes(Folder(name), name, record));
  std::vector<File> files;
  for (const SnapshotRecord::File& file : record.files()) {
    files.push_back({.path = absl::StrCat("db/", file.name()), .bytes = file.bytes()});
  }
  std::error_code error;
  const uintmax_t bytes = fs::file_size(Folder(name) + kRecordFile, error);
  if (error) return Damaged(name, error.message());
  files.push_back({.path = std::string(kRecordFile).substr(1), .bytes = bytes});
  return files;
}

absl::StatusOr<std::string> Snapshots::Read(const std::string& name, const File& file,
                                            uint64_t offset, uint64_t bytes) const {
  std::ifstream from(absl::StrCat(Folder(name), "/", file.path), std::ios::binary);
  std::string data(std::min(bytes, file.bytes - std::min(offset, file.bytes)), '\0');
  if (!from) return NotThere(name);
  from.seekg(static_cast<std::streamoff>(offset));
  if (!from.read(data.data(), static_cast<std::streamsize>(data.size()))) {
    return Damaged(name, absl::StrCat("file ", file.path, " is too short"));
  }
  return data;
}

absl::Status Snapshots::Verify(const std::string& name, const SnapshotProgress& progress) const {
  MM_ASSIGN_OR_RETURN(const SnapshotRecord record, ReadRecord(Folder(name), name));
  MM_RETURN_IF_ERROR(CheckSizes(Folder(name), name, record));
  std::vector<FileFact> files;
  for (const SnapshotRecord::File& file : record.files()) {
    files.push_back({.name = file.name(), .bytes = file.bytes()});
  }
  MM_RETURN_IF_ERROR(SumUp(Folder(name) + "/db", files, progress));
  for (size_t i = 0; i < files.size(); ++i) {
    const uint64_t expected = record.files(static_cast<int>(i)).checksum();
    if (expected != 0 && files[i].checksum != expected) {
      return Damaged(name, absl::StrCat("file ", files[i].name, " is not what was written"));
    }
  }
  const Snapshot snapshot = FromRecord(name, record);
  const absl::Status opened = Database::Check(Folder(name) + "/db", [&] {
    return progress == nullptr || progress(snapshot.bytes, snapshot.bytes);
  });
  if (opened.ok() || absl::IsCancelled(opened)) return opened;
  return Damaged(name, opened.message());
}

absl::Status Snapshots::Delete(const std::string& name) const {
  MM_RETURN_IF_ERROR(CheckName(name));
  if (!Exists(Folder(name))) return NotThere(name);
  // Renamed first: half a snapshot never has a name.
  const std::string going = Folder(absl::StrCat(kUnfinished, name));
  MM_RETURN_IF_ERROR(RemoveAll(going));
  MM_RETURN_IF_ERROR(Rename(Folder(name), going));
  MM_RETURN_IF_ERROR(SyncFolder(Folder("")));
  return RemoveAll(going);
}

absl::Status Snapshots::AskForRestore(const std::string& name) const {
  MM_ASSIGN_OR_RETURN(const SnapshotRecord record, ReadRecord(Folder(name), name));
  MM_RETURN_IF_ERROR(CheckSizes(Folder(name), name, record));
  return ReplaceFile(data_dir_ + kPending, name);
}

absl::Status Snapshots::Tidy() const {
  std::error_code error;
  std::vector<std::string> unfinished;
  RemoveStillCopies(data_dir_ + "/db");
  if (!Exists(Folder(""))) return absl::OkStatus();
  auto entry = fs::directory_iterator(Folder(""), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string file = entry->path().filename().string();
    if (absl::StartsWith(file, kUnfinished))
      unfinished.push_back(file.substr(sizeof(kUnfinished) - 1));
  }
  for (const std::string& name : unfinished) {
    const std::string folder = Folder(absl::StrCat(kUnfinished, name));
    // What a restore set aside lacks nothing but its name.
    if (absl::StartsWith(name, kPreRestore) && Exists(folder + "/db") &&
        Exists(folder + kRecordFile)) {
      MM_RETURN_IF_ERROR(Rename(folder, Folder(name)));
    } else {
      MM_RETURN_IF_ERROR(RemoveAll(folder));
    }
  }
  return unfinished.empty() ? absl::OkStatus() : SyncFolder(Folder(""));
}

absl::Status Snapshots::KeepPrevious(absl::Time now, const std::string& program_version) const {
  MM_RETURN_IF_ERROR(Tidy());
  const std::string previous = data_dir_ + "/db.previous";
  if (!Exists(previous)) return absl::OkStatus();
  const std::string name =
      absl::StrCat(kPreRestore, absl::FormatTime("%Y%m%dT%H%M%E3SZ", now, absl::UTCTimeZone()));
  const std::string folder = Folder(absl::StrCat(kUnfinished, name));
  std::error_code error;
  fs::create_directories(folder, error);
  // Its last sequence number and counts are in it, and not known here.
  MM_ASSIGN_OR_RETURN(const std::vector<FileFact> files, ListDatabaseFiles(previous));
  const SnapshotRecord record =
      ToRecord({.create_time = now, .program_version = program_version}, files);
  MM_RETURN_IF_ERROR(ReplaceFile(folder + kRecordFile, codec::Encode(name, record)));
  MM_RETURN_IF_ERROR(Rename(previous, folder + "/db"));
  MM_RETURN_IF_ERROR(SyncFolder(folder));
  MM_RETURN_IF_ERROR(Rename(folder, Folder(name)));
  return SyncFolder(Folder(""));
}

absl::StatusOr<std::string> Snapshots::FinishRestore(absl::Time now,
                                                     const std::string& program_version) const {
  const std::string pending = data_dir_ + kPending;
  const std::string database = data_dir_ + "/db";
  const std::string next = data_dir_ + "/db.next";
  const std::string previous = data_dir_ + "/db.previous";
  if (!Exists(pending)) {
    MM_RETURN_IF_ERROR(KeepPrevious(now, program_version));  // all that was left to do
    return std::string();
  }
  MM_ASSIGN_OR_RETURN(const std::string name, ReadWholeFile(pending));
  // Once there is a previous one and a database, they have changed places.
  if (!Exists(previous) || !Exists(database)) {
    const absl::StatusOr<SnapshotRecord> record = ReadRecord(Folder(name), name);
    const absl::Status whole =
        record.ok() ? CheckSizes(Folder(name), name, *record) : record.status();
    if (!whole.ok()) {
      if (!Exists(database)) {
        return absl::FailedPreconditionError(
            absl::StrCat("not started: a restore was cut off, and ", whole.message(),
                         "; rename db.previous in ", data_dir_, " to db and remove ", pending));
      }
      MM_RETURN_IF_ERROR(RemoveAll(pending));
      return absl::DataLossError(whole.message());
    }
    MM_RETURN_IF_ERROR(CloneDatabase(Folder(name) + "/db", next));
    if (Exists(database)) MM_RETURN_IF_ERROR(Rename(database, previous));
    MM_RETURN_IF_ERROR(Rename(next, database));
    MM_RETURN_IF_ERROR(SyncFolder(data_dir_));
  }
  // It is ahead of the snapshot; the log's mark is made anew once the database is open.
  MM_RETURN_IF_ERROR(RemoveAll(database + ".mark"));
  MM_RETURN_IF_ERROR(RemoveAll(pending));
  MM_RETURN_IF_ERROR(SyncFolder(data_dir_));
  MM_RETURN_IF_ERROR(KeepPrevious(now, program_version));
  return name;
}

}  // namespace mixmatch
