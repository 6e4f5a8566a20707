// The engine is opened for each call: nothing is held between them.
#include "storage/backups.h"

#include <rocksdb/utilities/backup_engine.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/base/const_init.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/database_impl.h"
#include "storage/file_system.h"
#include "storage/rocks_logger.h"
#include "storage/rocks_status.h"
#include "storage/snapshot_record.h"
#include "storage/snapshots.pb.h"
#include "storage/stoppable_reading.h"

namespace mixmatch {
namespace {

using storage::v1::SnapshotRecord;

constexpr char kRecordKey[] = "backup";
constexpr uint64_t kTellEvery = 4 << 20;

rocksdb::BackupEngineOptions OptionsOf(const std::string& dir, rocksdb::Env* env,
                                       rocksdb::Logger* logger) {
  rocksdb::BackupEngineOptions options(dir, env);
  options.sync = true;
  options.backup_log_files = true;
  options.share_files_with_checksum = true;
  options.callback_trigger_interval_size = kTellEvery;
  options.info_log = logger;
  return options;
}

// One engine at a time over one directory.
struct Engines {
  absl::Mutex mu{absl::kConstInit};
  bool taken ABSL_GUARDED_BY(mu) = false;
};

Engines& AllEngines() {
  static Engines engines;
  return engines;
}

// The turn of a call; or none, where others worked longer than it was ready to wait.
class Turn {
 public:
  explicit Turn(absl::Duration patience) : engines_(AllEngines()) {
    const absl::MutexLock lock(&engines_.mu);
    const auto free = [this]()
                          ABSL_EXCLUSIVE_LOCKS_REQUIRED(engines_.mu) { return !engines_.taken; };
    held_ = engines_.mu.AwaitWithTimeout(absl::Condition(&free), patience);
    if (held_) engines_.taken = true;
  }
  ~Turn() {
    if (!held_) return;
    const absl::MutexLock lock(&engines_.mu);
    engines_.taken = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  absl::Status status() const {
    return held_ ? absl::OkStatus()
                 : absl::UnavailableError("backups: one is being made or read; try again later");
  }

 private:
  Engines& engines_;
  bool held_ = false;
};

// An engine over a directory, with what it needs while it lives.
template <typename Engine>
class OpenEngine {
 public:
  // `env`: what the directory is read and written through.
  explicit OpenEngine(const std::string& dir, rocksdb::Env* env = StorageEnv())
      : dir_(dir), opened_(Engine::Open(OptionsOf(dir, env, &logger_), StorageEnv(), &engine_)) {}
  ~OpenEngine() { delete engine_; }
  OpenEngine(const OpenEngine&) = delete;
  OpenEngine& operator=(const OpenEngine&) = delete;

  absl::Status status() const {
    return FromRocks(opened_, absl::StrCat("backups in ", dir_, " not opened"));
  }
  Engine* operator->() const { return engine_; }

 private:
  const std::string dir_;
  SilentLogger logger_;
  Engine* engine_ = nullptr;
  const rocksdb::Status opened_;
};
using Writing = OpenEngine<rocksdb::BackupEngine>;
using Reading = OpenEngine<rocksdb::BackupEngineReadOnly>;

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

absl::StatusOr<Backup> FromInfo(const rocksdb::BackupInfo& info) {
  SnapshotRecord record;
  MM_RETURN_IF_ERROR(codec::Decode("backups", kRecordKey, info.app_metadata, record));
  return Backup{.id = info.backup_id,
                .facts = FactsOf(record),
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
  const Turn turn(absl::InfiniteDuration());
  const Writing engine(dir_);
  MM_RETURN_IF_ERROR(engine.status());
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
      engine->StopBackup();
    }
  };
  rocksdb::BackupID id = 0;
  const rocksdb::Status made = engine->CreateNewBackupWithMetadata(
      options, &database.impl().db(), codec::Encode(kRecordKey, RecordOf(facts)), &id);
  if (!made.ok()) {
    engine->GarbageCollect().PermitUncheckedError();
    if (cancelled) return absl::CancelledError("backup not made: cancelled");
    return FromRocks(made, "backup not made");
  }
  rocksdb::BackupInfo info;
  MM_RETURN_IF_ERROR(Tell(engine->GetBackupInfo(id, &info), id, "not read"));
  return FromInfo(info);
}

absl::StatusOr<std::vector<Backup>> Backups::List(std::vector<uint32_t>* damaged,
                                                  absl::Duration patience) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const Turn turn(patience);
  MM_RETURN_IF_ERROR(turn.status());
  const Reading engine(dir_);
  if (absl::IsNotFound(engine.status())) return std::vector<Backup>();  // none was ever made here
  MM_RETURN_IF_ERROR(engine.status());
  std::vector<rocksdb::BackupInfo> infos;
  engine->GetBackupInfo(&infos);
  std::vector<rocksdb::BackupID> corrupt;
  engine->GetCorruptedBackups(&corrupt);
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

absl::Status Backups::Verify(uint32_t id, const Progress& progress) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const Turn turn(absl::InfiniteDuration());
  const StoppableReading files(progress);
  const absl::Status read = [&]() -> absl::Status {
    const Reading engine(dir_, files.env());
    MM_RETURN_IF_ERROR(engine.status());
    return Tell(engine->VerifyBackup(id, /*verify_with_checksum=*/true), id, "not read");
  }();
  if (files.stopped()) return absl::CancelledError("backup not read: cancelled");
  return read;
}

absl::Status Backups::Delete(uint32_t id, absl::Duration patience) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const Turn turn(patience);
  MM_RETURN_IF_ERROR(turn.status());
  const Writing engine(dir_);
  MM_RETURN_IF_ERROR(engine.status());
  return Tell(engine->DeleteBackup(id), id, "not deleted");
}

absl::Status Backups::DeleteOld(uint32_t keep) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const Turn turn(absl::ZeroDuration());
  MM_RETURN_IF_ERROR(turn.status());
  const Writing engine(dir_);
  MM_RETURN_IF_ERROR(engine.status());
  return FromRocks(engine->PurgeOldBackups(keep), "old backups not deleted");
}

absl::StatusOr<Snapshot> Backups::Fetch(uint32_t id, const Snapshots& snapshots,
                                        const std::string& name,
                                        const SnapshotProgress& progress) const {
  MM_RETURN_IF_ERROR(CheckDir());
  const Turn turn(absl::InfiniteDuration());
  const StoppableReading files(
      [&progress](uint64_t /*read*/) { return progress == nullptr || progress(0, 0); });
  const auto fetched = [&]() -> absl::StatusOr<Snapshot> {
    const Reading engine(dir_, files.env());
    MM_RETURN_IF_ERROR(engine.status());
    rocksdb::BackupInfo info;
    MM_RETURN_IF_ERROR(Tell(engine->GetBackupInfo(id, &info), id, "not read"));
    MM_ASSIGN_OR_RETURN(const Backup backup, FromInfo(info));
    return snapshots.Add(
        name, backup.facts,
        [&](const std::string& folder) {
          return Tell(engine->RestoreDBFromBackup(rocksdb::RestoreOptions(), id, folder, folder),
                      id, "not brought back");
        },
        progress);
  }();
  if (files.stopped()) return absl::CancelledError("backup not brought back: cancelled");
  return fetched;
}

}  // namespace mixmatch
