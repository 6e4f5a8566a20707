// The engine is opened for each call: nothing is held between them.
#include "storage/backups.h"

#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/database_impl.h"
#include "storage/file_system.h"
#include "storage/rocks_logger.h"
#include "storage/rocks_status.h"
#include "storage/snapshots.pb.h"

namespace mixmatch {
namespace {

using storage::v1::SnapshotRecord;

constexpr char kRecordKey[] = "backup";
constexpr uint64_t kTellEvery = 4 << 20;

// One engine at a time over one directory.
absl::Mutex& EngineLock() {
  static absl::Mutex lock(absl::kConstInit);
  return lock;
}

rocksdb::BackupEngineOptions OptionsOf(const std::string& dir, rocksdb::Logger* logger) {
  rocksdb::BackupEngineOptions options(dir);
  options.sync = true;
  options.backup_log_files = true;
  options.share_files_with_checksum = true;
  options.callback_trigger_interval_size = kTellEvery;
  options.info_log = logger;
  return options;
}

// The lock, or nothing while another call works.
class TriedLock {
 public:
  TriedLock() : held_(EngineLock().TryLock()) {}
  ~TriedLock() {
    if (held_) EngineLock().Unlock();
  }
  TriedLock(const TriedLock&) = delete;
  TriedLock& operator=(const TriedLock&) = delete;
  absl::Status status() const {
    return held_ ? absl::OkStatus()
                 : absl::UnavailableError("backups: one is being made or read; try again later");
  }

 private:
  const bool held_;
};

// An engine, with what it needs while it lives.
template <typename Engine>
struct Opened {
  SilentLogger logger;
  Engine* engine = nullptr;
  ~Opened() { delete engine; }
};

absl::Status OpenedAs(const rocksdb::Status& status, const std::string& dir) {
  return FromRocks(status, absl::StrCat("backups in ", dir, " not opened"));
}

absl::Status Tell(const rocksdb::Status& status, uint32_t id, const char* what) {
  const std::string text = absl::StrCat("backup ", id, " ", what);
  if (status.IsNotFound()) {
    return FieldError(absl::StatusCode::kNotFound, "backup_id",
                      absl::StrCat("backup not found: ", id, "; list them for their numbers"));
  }
  if (status.IsCorruption()) {
    return absl::DataLossError(
        absl::StrCat("backup ", id, " is damaged: ", status.ToString(), "; take another one"));
  }
  return FromRocks(status, text);
}

std::string Facts(const SnapshotFacts& facts) {
  SnapshotRecord record;
  record.set_create_time_ns(absl::ToUnixNanos(facts.create_time));
  record.set_last_seq(facts.last_seq);
  record.set_event_count(facts.event_count);
  record.set_generation(facts.generation);
  record.set_program_version(facts.program_version);
  return codec::Encode(kRecordKey, record);
}

absl::StatusOr<Backup> FromInfo(const rocksdb::BackupInfo& info) {
  SnapshotRecord record;
  MM_RETURN_IF_ERROR(codec::Decode("backups", kRecordKey, info.app_metadata, record));
  return Backup{.id = info.backup_id,
                .facts = {.create_time = absl::FromUnixNanos(record.create_time_ns()),
                          .last_seq = record.last_seq(),
                          .event_count = record.event_count(),
                          .generation = record.generation(),
                          .program_version = record.program_version()},
                .bytes = info.size,
                .file_count = info.number_files};
}

}  // namespace

absl::Status Backups::CheckDir() const {
  if (dir_.empty()) {
    return absl::FailedPreconditionError(
        "backups: backups.dir is not set; set it to a directory on another disk");
  }
  std::error_code error;
  std::filesystem::create_directories(dir_, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("backups: ", dir_, ": ", error.message(), "; give another backups.dir"));
}

absl::StatusOr<Backup> Backups::Create(Database& database, const SnapshotFacts& facts,
                                       const Progress& progress) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const absl::MutexLock lock(&EngineLock());
  Opened<rocksdb::BackupEngine> opened;
  MM_RETURN_IF_ERROR(OpenedAs(
      rocksdb::BackupEngine::Open(OptionsOf(dir_, &opened.logger), StorageEnv(), &opened.engine),
      dir_));
  // The callback comes once for each interval; it must not throw.
  uint64_t done = 0;
  bool cancelled = false;
  rocksdb::CreateBackupOptions options;
  // The write-ahead log is no file that backups could share.
  options.flush_before_backup = true;
  options.progress_callback = [&] {
    done += kTellEvery;
    if (!cancelled && progress != nullptr && !progress(done)) {
      cancelled = true;
      opened.engine->StopBackup();
    }
  };
  rocksdb::BackupID id = 0;
  const rocksdb::Status made =
      opened.engine->CreateNewBackupWithMetadata(options, &database.impl().db(), Facts(facts), &id);
  if (!made.ok()) {
    opened.engine->GarbageCollect().PermitUncheckedError();
    if (cancelled) return absl::CancelledError("backup not made: cancelled");
    return FromRocks(made, "backup not made");
  }
  rocksdb::BackupInfo info;
  MM_RETURN_IF_ERROR(Tell(opened.engine->GetBackupInfo(id, &info), id, "not read"));
  return FromInfo(info);
}

absl::StatusOr<std::vector<Backup>> Backups::List(std::vector<uint32_t>* damaged) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const TriedLock lock;
  MM_RETURN_IF_ERROR(lock.status());
  Opened<rocksdb::BackupEngineReadOnly> opened;
  const rocksdb::Status status = rocksdb::BackupEngineReadOnly::Open(
      OptionsOf(dir_, &opened.logger), StorageEnv(), &opened.engine);
  if (status.IsNotFound()) return std::vector<Backup>();  // none was ever made here
  MM_RETURN_IF_ERROR(OpenedAs(status, dir_));
  std::vector<rocksdb::BackupInfo> infos;
  opened.engine->GetBackupInfo(&infos);
  std::vector<rocksdb::BackupID> corrupt;
  opened.engine->GetCorruptedBackups(&corrupt);
  std::vector<Backup> found;
  for (const rocksdb::BackupInfo& info : infos) {
    absl::StatusOr<Backup> backup = FromInfo(info);
    if (backup.ok()) {
      found.push_back(*std::move(backup));
    } else {
      corrupt.push_back(info.backup_id);
    }
  }
  if (damaged != nullptr) *damaged = corrupt;
  std::sort(found.begin(), found.end(),
            [](const Backup& a, const Backup& b) { return a.id > b.id; });
  return found;
}

absl::Status Backups::Verify(uint32_t id) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const absl::MutexLock lock(&EngineLock());
  Opened<rocksdb::BackupEngineReadOnly> opened;
  MM_RETURN_IF_ERROR(OpenedAs(rocksdb::BackupEngineReadOnly::Open(OptionsOf(dir_, &opened.logger),
                                                                  StorageEnv(), &opened.engine),
                              dir_));
  return Tell(opened.engine->VerifyBackup(id, /*verify_with_checksum=*/true), id, "not read");
}

absl::Status Backups::Delete(uint32_t id) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const TriedLock lock;
  MM_RETURN_IF_ERROR(lock.status());
  Opened<rocksdb::BackupEngine> opened;
  MM_RETURN_IF_ERROR(OpenedAs(
      rocksdb::BackupEngine::Open(OptionsOf(dir_, &opened.logger), StorageEnv(), &opened.engine),
      dir_));
  return Tell(opened.engine->DeleteBackup(id), id, "not deleted");
}

absl::Status Backups::DeleteOld(uint32_t keep) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const TriedLock lock;
  MM_RETURN_IF_ERROR(lock.status());
  Opened<rocksdb::BackupEngine> opened;
  MM_RETURN_IF_ERROR(OpenedAs(
      rocksdb::BackupEngine::Open(OptionsOf(dir_, &opened.logger), StorageEnv(), &opened.engine),
      dir_));
  return FromRocks(opened.engine->PurgeOldBackups(keep), "old backups not deleted");
}

absl::StatusOr<Snapshot> Backups::Fetch(uint32_t id, const Snapshots& snapshots,
                                        const std::string& name,
                                        const SnapshotProgress& progress) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const absl::MutexLock lock(&EngineLock());
  Opened<rocksdb::BackupEngineReadOnly> opened;
  MM_RETURN_IF_ERROR(OpenedAs(rocksdb::BackupEngineReadOnly::Open(OptionsOf(dir_, &opened.logger),
                                                                  StorageEnv(), &opened.engine),
                              dir_));
  rocksdb::BackupInfo info;
  MM_RETURN_IF_ERROR(Tell(opened.engine->GetBackupInfo(id, &info), id, "not read"));
  MM_ASSIGN_OR_RETURN(const Backup backup, FromInfo(info));
  return snapshots.Add(
      name, backup.facts,
      [&](const std::string& folder) {
        return Tell(
            opened.engine->RestoreDBFromBackup(rocksdb::RestoreOptions(), id, folder, folder), id,
            "not brought back");
      },
      progress);
}

}  // namespace mixmatch
