// Opening, the format's version, and the small operations that everything here uses.
#include "storage/database.h"

#include <google/protobuf/message_lite.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/base/status.h"
#include "core/base/thread_priority.h"
#include "storage/background_errors.h"
#include "storage/codec/envelope.h"
#include "storage/current_file.h"
#include "storage/database_impl.h"
#include "storage/database_options.h"
#include "storage/file_system.h"
#include "storage/high_water_mark.h"
#include "storage/keys.h"
#include "storage/log_mark.h"
#include "storage/records.pb.h"
#include "storage/rocks_logger.h"
#include "storage/rocks_status.h"
#include "storage/rocks_threads.h"
#include "storage/stoppable_reading.h"

namespace mixmatch {
namespace {

// A write in the background waits while compaction has more than so much to do, a little each time.
constexpr uint64_t kCompactionBehindBytes = 256 << 20;
constexpr absl::Duration kGiveWayMax = absl::Milliseconds(500);
constexpr absl::Duration kGiveWayStep = absl::Milliseconds(20);

// The layout of families and keys that this program writes.
constexpr uint32_t kFormatVersion = 1;

constexpr std::array<std::string_view, kFamilyCount> kFamilyNames = {
    "meta",        "log",         "payloads", "identity",  "by_time",    "by_scene", "by_source",
    "by_modality", "by_metadata", "features", "episodes",  "episode_of", "closed",   "scenes",
    "generations", "weights",     "skills",   "teachings", "graph"};

absl::Status OpenError(const rocksdb::Status& status, const std::string& path, bool read_only) {
  std::error_code ignored;
  // A file that the others name is not there, or has another name.
  const bool missing =
      status.IsPathNotFound() || status.ToString().find("No such file") != std::string::npos;
  if (status.IsCorruption() || (missing && std::filesystem::exists(path + "/CURRENT", ignored))) {
    return absl::DataLossError(
        absl::StrCat("database not opened: ", status.ToString(), " in ", path,
                     read_only ? std::string() : Database::DescribeLogDamage(path),
                     "; keep a copy of the directory and restore the latest snapshot"));
  }
  if (status.IsIOError() && status.ToString().find("lock") != std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat("database not opened: ", path,
                                                      " is held by another process (",
                                                      status.ToString(), "); stop that one first"));
  }
  if (status.IsInvalidArgument() && status.ToString().find("IO error") != std::string::npos) {
    // So it says where it could not read the file of its options.
    return absl::UnavailableError(absl::StrCat("database not opened: ", status.ToString(), " in ",
                                               path, "; check the disk: it gives errors"));
  }
  if (status.IsInvalidArgument()) {
    return absl::FailedPreconditionError(absl::StrCat("database not opened: ", status.ToString(),
                                                      " in ", path, "; check the data directory"));
  }
  return FromRocks(status, absl::StrCat("database not opened in ", path));
}

// By its name.
bool IsReadToOpen(const std::string& file) {
  return absl::EndsWith(file, ".sst") || absl::EndsWith(file, ".blob") ||
         absl::StartsWith(file, "OPTIONS") || absl::StartsWith(file, "MANIFEST");
}

// Whether a file can be opened, and its end read, where a table has what opening it begins with.
rocksdb::Status ReadEnd(const std::string& path) {
  rocksdb::Env& env = *StorageEnv();
  uint64_t size = 0;
  std::unique_ptr<rocksdb::RandomAccessFile> file;
  rocksdb::Status status = env.GetFileSize(path, &size);
  if (status.ok()) status = env.NewRandomAccessFile(path, &file, rocksdb::EnvOptions());
  std::array<char, 512> bytes;
  rocksdb::Slice read;
  const uint64_t wanted = std::min<uint64_t>(size, bytes.size());
  if (status.ok()) status = file->Read(size - wanted, wanted, &read, bytes.data());
  return status;
}

// The families that are on the disk beside the fixed ones; none in a new database.
std::vector<std::string> ListNamed(const rocksdb::DBOptions& options, const std::string& path) {
  std::vector<std::string> all;
  if (!rocksdb::DB::ListColumnFamilies(options, path, &all).ok()) return {};
  std::erase_if(all, [](const std::string& name) {
    return name == rocksdb::kDefaultColumnFamilyName ||
           std::find(kFamilyNames.begin(), kFamilyNames.end(), name) != kFamilyNames.end();
  });
  return all;
}

// What Check() does, through `env`.
absl::Status CheckTables(const std::string& path, rocksdb::Env* env) {
  const RocksOptions rocks({});
  rocksdb::DBOptions options = rocks.Database();
  options.env = env;
  options.create_if_missing = false;
  options.info_log = std::make_shared<SilentLogger>();
  std::vector<std::string> names;
  MM_RETURN_IF_ERROR(FromRocks(rocksdb::DB::ListColumnFamilies(options, path, &names),
                               "database not opened to be checked"));
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (const std::string& name : names) descriptors.emplace_back(name, rocks.ForNamed());
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  MM_RETURN_IF_ERROR(
      FromRocks(rocksdb::DB::OpenForReadOnly(options, path, descriptors, &handles, &raw),
                "database not opened to be checked"));
  const std::unique_ptr<rocksdb::DB> db(raw);
  const rocksdb::Status checked = db->VerifyFileChecksums(rocksdb::ReadOptions());
  for (rocksdb::ColumnFamilyHandle* const handle : handles) {
    db->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
  }
  return FromRocks(checked, "database not as it was written");
}

}  // namespace

std::string_view FamilyName(Family family) { return kFamilyNames[static_cast<size_t>(family)]; }

absl::StatusOr<std::unique_ptr<Database::Impl>> Database::Impl::Open(const std::string& path,
                                                                     const DatabaseOptions& options,
                                                                     bool lenient) {
  MM_RETURN_IF_ERROR(CheckCurrent(path));
  const RocksOptions rocks(options);
  rocksdb::DBOptions db_options = rocks.Database();
  const auto logger = std::make_shared<SilentLogger>();
  if (options.read_only) {
    db_options.info_log = logger;
  } else {
    std::error_code ignored;  // RocksDB says so when it opens
    if (options.create_if_missing) std::filesystem::create_directories(path, ignored);
    db_options.info_log = std::make_shared<FileLogger>(path + "/LOG");
  }
  const auto errors = std::make_shared<BackgroundErrors>();
  db_options.listeners.push_back(errors);
  db_options.listeners.push_back(std::make_shared<RocksThreads>());
  if (options.salvage) {
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  }
  if (lenient) {
    db_options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    db_options.paranoid_checks = false;
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    descriptors.emplace_back(std::string(kFamilyNames[i]), rocks.ForFamily(static_cast<Family>(i)));
  }
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, rocks.ForFamily(Family::kMeta));
  const std::vector<std::string> named = ListNamed(db_options, path);
  for (const std::string& name : named) descriptors.emplace_back(name, rocks.ForNamed());

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status =
      options.read_only
          ? rocksdb::DB::OpenForReadOnly(db_options, path, descriptors, &handles, &raw)
          : rocksdb::DB::Open(db_options, path, descriptors, &handles, &raw);
  if (!status.ok()) return OpenError(status, path, options.read_only);
  std::unique_ptr<Impl> impl(new Impl(path, errors, std::shared_ptr<rocksdb::DB>(raw)));
  impl->named_options_ = rocks.ForNamed();
  impl->damaged_file_ = logger->damaged_file();
  for (size_t i = 0; i < kFamilyCount; ++i) impl->families_[i] = impl->Share(handles[i]);
  impl->Share(handles[kFamilyCount]).reset();  // "default", which holds nothing
  {
    const absl::MutexLock lock(&impl->mu_);
    for (size_t i = 0; i < named.size(); ++i) {
      impl->named_[named[i]] = impl->Share(handles[kFamilyCount + 1 + i]);
    }
  }
  MM_RETURN_IF_ERROR(impl->CheckFormat(options.read_only));
  return impl;
}

absl::Status Database::Impl::CheckFormat(bool read_only) {
  storage::v1::FormatRecord format;
  const absl::Status status = Get(Family::kMeta, keys::kFormat, format);
  if (absl::IsNotFound(status)) {
    if (read_only) return absl::OkStatus();
    format.set_version(kFormatVersion);
    rocksdb::WriteBatch batch;
    Put(Family::kMeta, keys::kFormat, format, batch);
    return Write(batch, WriteMode::kSynced, "format version not stored");
  }
  MM_RETURN_IF_ERROR(status);
  if (format.version() > kFormatVersion) {
    return absl::FailedPreconditionError(absl::StrCat(
        "database not opened: ", path_, " has format ", format.version(),
        " and this program knows formats up to ", kFormatVersion,
        "; start the newer program that wrote it, or restore a snapshot of this version"));
  }
  return absl::OkStatus();
}

void Database::Impl::Put(Family family, std::string_view key,
                         const google::protobuf::MessageLite& record,
                         rocksdb::WriteBatch& batch) const {
  // Fails only beyond 4 GiB, which no record comes near.
  batch.Put(handle(family), key, codec::Encode(key, record)).PermitUncheckedError();
}

void Database::Impl::Clear(Family family, rocksdb::WriteBatch& batch) const {
  // No key is as long as this one and all ones.
  batch.DeleteRange(handle(family), "", std::string(1024, '\xff')).PermitUncheckedError();
}

absl::Status Database::Impl::Get(Family family, std::string_view key,
                                 google::protobuf::MessageLite& record,
                                 const rocksdb::ReadOptions& options) const {
  rocksdb::PinnableSlice value;
  const rocksdb::Status status = db_->Get(options, handle(family), key, &value);
  if (!status.ok()) {
    return FromRocks(status, absl::StrCat(std::string(FamilyName(family)), " value not read: key ",
                                          keys::Hex(key)));
  }
  return codec::Decode(FamilyName(family), key, value.ToStringView(), record);
}

void Database::Impl::GiveWay(size_t bytes) const {
  absl::SleepFor(background_pacer_.Take(bytes));
  // Not by WriteOptions.low_pri: RocksDB's limiter behind it ends the process on a batch of more
  // than it lets through at once (facebook/rocksdb#11902).
  for (int i = 0; i < kGiveWayMax / kGiveWayStep; ++i) {
    uint64_t behind = 0;
    if (!db_->GetAggregatedIntProperty(rocksdb::DB::Properties::kEstimatePendingCompactionBytes,
                                       &behind) ||
        behind < kCompactionBehindBytes) {
      return;
    }
    absl::SleepFor(kGiveWayStep);
  }
}

absl::Status Database::Impl::Write(rocksdb::WriteBatch& batch, WriteMode mode,
                                   std::string_view what) const {
  rocksdb::WriteOptions options;
  options.sync = mode == WriteMode::kSynced;
  options.disableWAL = mode == WriteMode::kUnlogged;
  if (mode >= WriteMode::kBackground) GiveWay(batch.GetDataSize());
  // A space may be dropped while its index is being written; without this, that one write would
  // put the whole database into its read-only error state.
  options.ignore_missing_column_families = true;
  rocksdb::Status written;
  const auto write = [&] { written = db_->Write(options, &batch); };
  if (IsBehind()) {
    background_writer_->Do(write);
  } else {
    write();
  }
  errors_->Note(written);
  return FromRocks(written, what);
}

std::unique_ptr<rocksdb::Iterator> Database::Impl::Iterate(Family family,
                                                           const rocksdb::Slice* upper) const {
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = upper;
  return std::unique_ptr<rocksdb::Iterator>(db_->NewIterator(options, handle(family)));
}

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path,
                                                         const DatabaseOptions& options) {
  MM_ASSIGN_OR_RETURN(std::unique_ptr<Impl> impl, Impl::Open(path, options));
  return std::unique_ptr<Database>(new Database(std::move(impl)));
}

absl::Status Database::Check(const std::string& path, const std::function<bool()>& go_on) {
  const StoppableReading files([&go_on](uint64_t /*read*/) { return go_on == nullptr || go_on(); });
  absl::Status checked = CheckTables(path, files.env());
  return files.stopped() ? absl::CancelledError("database not checked: cancelled") : checked;
}

std::string Database::DescribeLogDamage(const std::string& path) {
  const auto salvaged =
      Open(path, {.create_if_missing = false, .read_only = true, .salvage = true});
  if (!salvaged.ok()) return "";
  const Impl& db = (*salvaged)->impl();
  std::string text;
  if (!db.damaged_file().empty()) absl::StrAppend(&text, ", file ", db.damaged_file());
  const auto it = db.Iterate(Family::kLog);
  it->SeekToLast();
  const Seq last = it->Valid() ? keys::LastNumber(it->key().ToStringView()) : 0;
  const std::optional<Mark> mark = ReadMark(MarkPath(db));
  if (mark && mark->last_seq > last) {
    absl::StrAppend(&text, ": sequences ", last + 1, " to ", mark->last_seq,
                    " and what came right after are behind the damage");
  } else {
    absl::StrAppend(&text, ": it is readable up to sequence ", last);
  }
  return text;
}

absl::Status Database::health() const { return impl_->errors().health(); }

absl::Status Database::ProbeDisk() const {
  const std::string path = impl_->path() + ".probe";
  const rocksdb::Status written =
      rocksdb::WriteStringToFile(StorageEnv(), "can it be written?", path, /*should_sync=*/true);
  StorageEnv()->DeleteFile(path).PermitUncheckedError();
  MM_RETURN_IF_ERROR(FromRocks(written, "the disk cannot be written"));
  std::vector<std::string> files;
  MM_RETURN_IF_ERROR(FromRocks(StorageEnv()->GetChildren(impl_->path(), &files),
                               "the database's folder cannot be read"));
  for (const std::string& file : files) {
    if (!IsReadToOpen(file)) continue;
    const rocksdb::Status read = ReadEnd(impl_->path() + "/" + file);
    // What is not there any more was a file that compaction took the place of.
    if (!read.IsNotFound() && !read.IsPathNotFound()) {
      MM_RETURN_IF_ERROR(FromRocks(read, absl::StrCat("the disk cannot be read: ", file)));
    }
  }
  return absl::OkStatus();
}

uint64_t Database::DiskBytes() const {
  std::error_code error;
  uint64_t bytes = 0;
  for (auto entry = std::filesystem::directory_iterator(impl_->path(), error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code gone;  // compaction removes files while we look
    const uintmax_t size = entry->file_size(gone);
    if (!gone) bytes += size;
  }
  return bytes;
}

absl::Status Database::PutSetting(const std::string& name, const std::string& value) {
  storage::v1::SettingRecord record;
  record.set_value(value);
  rocksdb::WriteBatch batch;
  impl_->Put(Family::kMeta, keys::Setting(name), record, batch);
  return impl_->Write(batch, WriteMode::kSynced, absl::StrCat("setting not stored: ", name));
}

absl::StatusOr<std::string> Database::GetSetting(const std::string& name) const {
  storage::v1::SettingRecord record;
  MM_RETURN_IF_ERROR(impl_->Get(Family::kMeta, keys::Setting(name), record));
  return record.value();
}

}  // namespace mixmatch
