// A file system that fails as disks do: it forgets at a power cut what was not synced, it runs
// full, it gives errors. Everything goes to the real files at once; what a power cut takes away is
// taken away when it comes, before the process ends.
//
// What a power cut may do is what POSIX leaves open:
//   - of a file's bytes since its last sync, any first part stays (sizes grow behind contents, as
//   on
//     ext4 and XFS: no holes, no garbage);
//   - of what was made, renamed or removed in a folder since the folder's last sync, any first part
//     of the operations has happened.
#pragma once

#include <rocksdb/file_system.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/fault/files/fault_plan.h"

namespace mixmatch::fault {

// What the process ends with at a power cut: as after kill -9.
inline constexpr int kCutStatus = 137;

// What is on the disk for certain, and how to go back there.
// Thread-safety: Safe for concurrent use; after a power cut no call returns.
class Disk {
 public:
  Disk(FaultPlan plan, const Switches* switches);

  // Counts an operation and cuts the power where that is due. `after` the operation, or before.
  void Pass(bool after, Operation operation, FileKind kind);

  void Grown(const std::string& path, uint64_t size);   // an open file's size, not synced
  void Synced(const std::string& path, uint64_t size);  // what of it is
  void Created(const std::string& path);
  // To be called before: keep what is lost by it.
  void Renaming(const std::string& from, const std::string& to);
  void Deleting(const std::string& path);
  void FolderSynced(const std::string& folder);

 private:
  struct FileState {
    uint64_t size = 0;
    uint64_t synced = 0;
  };
  // One change of a folder, with what it takes to undo it.
  struct Change {
    std::string made;   // remove this
    std::string moved;  // … or move it back to here
    std::string kept;   // … and this to here
    std::string removed;
  };

  std::string Keep(const std::string& path) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  [[noreturn]] void Cut() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void TakeBack(const Change& change) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const FaultPlan plan_;
  const Switches* const switches_;
  absl::Mutex mu_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  std::map<std::pair<Operation, FileKind>, uint64_t> counts_ ABSL_GUARDED_BY(mu_);
  uint64_t kept_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, FileState> files_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::vector<Change>> changes_ ABSL_GUARDED_BY(mu_);  // by folder
};

// Over the operating system's files. `disk` and `switches` must outlive it.
std::shared_ptr<rocksdb::FileSystem> MakeFaultFiles(Disk* disk, const Switches* switches);

}  // namespace mixmatch::fault
