// What should go wrong with the files of a daemon, and when: read from an environment variable and
// from a folder that a test writes into while the daemon runs.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "absl/status/statusor.h"

namespace mixmatch::fault {

// What is done to a file or a folder.
enum class Operation : uint8_t { kAppend, kSync, kCreate, kRename, kDelete, kSyncFolder };
// What RocksDB keeps in a file, by its name.
enum class FileKind : uint8_t { kLog, kTable, kBlob, kManifest, kCurrent, kOptions, kFolder };

// Of a path's last part. What is none of the others counts as options.
FileKind FileKindOf(std::string_view path);

// Before or after the n-th (from 1) such operation on such a file.
struct CutPoint {
  bool after = false;
  Operation operation = Operation::kSync;
  FileKind kind = FileKind::kLog;
  uint64_t occurrence = 1;
};

struct FaultPlan {
  std::string folder;  // holds switches, and what the files need to be put back
  uint64_t seed = 1;   // of what is lost at a power cut
  std::optional<CutPoint> cut;
  bool lies = false;  // the disk says that it synced, and did not
};

// "folder=F;seed=N;cut=before:sync:log:12;lies=1", all but the first optional. INVALID_ARGUMENT.
absl::StatusOr<FaultPlan> ParseFaultPlan(std::string_view text);

// Files of these names in the folder are faults that hold as long as the files are there; looked
// for every 20 ms by a thread of its own.
//   cut        power is cut at the next operation
//   eio        writing and syncing fail
//   enospc     writing fails for want of space
//   readonly   writing fails as on a file system that was remounted read-only
//   eio-read   reading fails
//   clock      holds a number: seconds by which the wall clock is off
// Thread-safety: Safe for concurrent use.
class Switches {
 public:
  explicit Switches(std::string folder);
  ~Switches();

  std::atomic<bool> cut = false;
  std::atomic<bool> eio = false;
  std::atomic<bool> enospc = false;
  std::atomic<bool> readonly = false;
  std::atomic<bool> eio_read = false;

 private:
  void Look();

  const std::string folder_;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

// Seconds by which this program's wall clock is off; clock.cc applies it.
inline std::atomic<int64_t> clock_offset_s = 0;

}  // namespace mixmatch::fault
