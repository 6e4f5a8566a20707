// Snapshots: consistent copies of the whole memory, made while it runs and put back whole or not at
// all.
//
// Layout beside the database, in the data directory:
//   snapshots/NAME/db         a RocksDB checkpoint; tables are hard links where the disk allows
//   snapshots/NAME/SNAPSHOT   what it holds, each file with its size and checksum; written last
//   restore.pending           the name of the snapshot that is to take the database's place
//   db.next, db.previous      while that happens
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "storage/database.h"

namespace mixmatch {

struct Snapshot {
  std::string name;
  absl::Time create_time;
  Seq last_seq = 0;  // of the log
  uint64_t event_count = 0;
  Generation generation = 0;  // that served
  uint64_t bytes = 0;
  uint64_t file_count = 0;
  std::string program_version;
};

// What a snapshot is said to hold, by who asks for it.
struct SnapshotFacts {
  absl::Time create_time;
  Seq last_seq = 0;
  uint64_t event_count = 0;
  Generation generation = 0;
  std::string program_version;
};

// Called now and then with bytes done and bytes in all; false cancels the work.
using SnapshotProgress = std::function<bool(uint64_t done, uint64_t total)>;

// Thread-safety: Safe for concurrent use, but for one name by two callers at once.
class Snapshots {
 public:
  // A snapshot copies a write-ahead log of less than `log_bytes` as it is. With more, what it holds
  // is written into tables first: one small file for each family that was written to, each time.
  explicit Snapshots(std::string data_dir, uint64_t log_bytes = 0)
      : data_dir_(std::move(data_dir)), log_bytes_(log_bytes) {}

  // Copies the running database. Writing goes on meanwhile; what was acknowledged before the call
  // is in it. INVALID_ARGUMENT for a name that is not 1 to 64 of [A-Za-z0-9_.-] or begins with a
  // dot, ALREADY_EXISTS, RESOURCE_EXHAUSTED (disk full), CANCELLED, INTERNAL; then nothing is left
  // of it.
  absl::StatusOr<Snapshot> Create(Database& database, const std::string& name,
                                  const SnapshotFacts& facts,
                                  const SnapshotProgress& progress) const;

  // The same of a database that `fill` puts into the folder it is given, which is not there yet.
  absl::StatusOr<Snapshot> Add(const std::string& name, const SnapshotFacts& facts,
                               const std::function<absl::Status(const std::string& folder)>& fill,
                               const SnapshotProgress& progress) const;

  // The paths of a snapshot's files below its folder, with their sizes; SNAPSHOT is the last one.
  // NOT_FOUND, DATA_LOSS.
  struct File {
    std::string path;
    uint64_t bytes = 0;
  };
  absl::StatusOr<std::vector<File>> Files(const std::string& name) const;
  // Reads a part of one of them, at most `bytes`. NOT_FOUND, DATA_LOSS.
  absl::StatusOr<std::string> Read(const std::string& name, const File& file, uint64_t offset,
                                   uint64_t bytes) const;

  // All, newest first. One that cannot be read is left out, and named in `damaged` where that is
  // given.
  absl::StatusOr<std::vector<Snapshot>> List(std::vector<std::string>* damaged = nullptr) const;

  // NOT_FOUND; DATA_LOSS.
  absl::StatusOr<Snapshot> Get(const std::string& name) const;

  // Reads every file back and opens the copy. DATA_LOSS names the first file that is not as it was
  // written, with what to do; CANCELLED.
  absl::Status Verify(const std::string& name, const SnapshotProgress& progress) const;

  // NOT_FOUND.
  absl::Status Delete(const std::string& name) const;

  // Asks for a snapshot to take the database's place when the database is next opened. NOT_FOUND,
  // DATA_LOSS (a file is missing or has another size: nothing was asked for).
  absl::Status AskForRestore(const std::string& name) const;

  // Before the database is opened, and while nobody makes snapshots: puts the snapshot in place
  // that was asked for, if any, and keeps what was there as the snapshot pre-restore-TIME. A
  // process that is killed on the way leaves either state whole, and the next call goes on. Returns
  // the name of what was restored; empty when nothing was asked for. DATA_LOSS when it is damaged
  // by now: the database is as it was, and the question is forgotten.
  absl::StatusOr<std::string> FinishRestore(absl::Time now,
                                            const std::string& program_version) const;

 private:
  std::string Folder(std::string_view name) const;
  // Removes what was not finished when a process ended; finishes what can be.
  absl::Status Tidy() const;
  absl::Status KeepPrevious(absl::Time now, const std::string& program_version) const;

  const std::string data_dir_;
  const uint64_t log_bytes_;
};

}  // namespace mixmatch
