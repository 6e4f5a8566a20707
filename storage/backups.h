// Backups: copies of the whole memory in another directory, on another disk or another machine's.
// RocksDB's BackupEngine keeps them: files that never change are stored once, under their checksum,
// whatever the number of backups that hold them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/database.h"
#include "storage/snapshots.h"

namespace mixmatch {

struct Backup {
  uint32_t id = 0;  // from 1 up
  SnapshotFacts facts;
  uint64_t bytes = 0;  // those included that it shares
  uint64_t file_count = 0;
};

// Thread-safety: Safe for concurrent use in one process, but only one process may use a directory:
// one call works at a time; List and Delete wait `patience` for the others at most and are
// UNAVAILABLE then, the others wait.
class Backups {
 public:
  // `dir` is made where it is not there. Empty: every call is FAILED_PRECONDITION.
  explicit Backups(std::string dir) : dir_(std::move(dir)) {}

  // Called now and then, on any thread, with bytes copied or read so far; false cancels the work.
  using Progress = std::function<bool(uint64_t done)>;

  // Copies the running database; writing goes on meanwhile, and what was acknowledged before the
  // call is in it. On the disk when it returns. RESOURCE_EXHAUSTED (disk full), CANCELLED,
  // INTERNAL; then nothing is left of it.
  absl::StatusOr<Backup> Create(Database& database, const SnapshotFacts& facts,
                                const Progress& progress) const;

  // All, newest first. Those that are not whole, by their files' names and sizes, are in `damaged`
  // alone.
  absl::StatusOr<std::vector<Backup>> List(std::vector<uint32_t>* damaged = nullptr,
                                           absl::Duration patience = absl::ZeroDuration()) const;

  // Reads every file of one. NOT_FOUND; DATA_LOSS names the file; CANCELLED.
  absl::Status Verify(uint32_t id, const Progress& progress) const;

  // Deletes one, or all but the newest `keep`, with what no other backup needs. NOT_FOUND.
  absl::Status Delete(uint32_t id, absl::Duration patience = absl::ZeroDuration()) const;
  absl::Status DeleteOld(uint32_t keep) const;

  // Brings one back as a snapshot of that name, checked on the way; `progress` says 0 of 0 while
  // the files are brought back. NOT_FOUND, ALREADY_EXISTS, DATA_LOSS; CANCELLED. Then nothing is
  // left of it.
  absl::StatusOr<Snapshot> Fetch(uint32_t id, const Snapshots& snapshots, const std::string& name,
                                 const SnapshotProgress& progress) const;

 private:
  absl::Status CheckDir() const;

  const std::string dir_;
};

}  // namespace mixmatch
