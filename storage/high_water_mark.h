// A small file beside the database that says how far the log has come: what RocksDB cannot notice,
// a log file that is gone, shows when the database is behind its mark.
//
// Layout (little-endian): u64 last seq, u64 checksum of that entry's value, u64 XXH3-64 of the 16
// bytes before. Replaced as a whole, and synced, about once a second while the log grows.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "core/base/ids.h"
#include "core/base/stoppable_sleep.h"

namespace mixmatch {

struct Mark {
  Seq last_seq = 0;
  uint64_t entry_checksum = 0;

  friend bool operator==(const Mark&, const Mark&) = default;
};

// Reads a mark; nullopt when there is none, or none that is whole.
std::optional<Mark> ReadMark(const std::string& path);

// Replaces the mark, synced. INTERNAL.
absl::Status WriteMark(const std::string& path, const Mark& mark);

// Keeps the file up to date from a thread of its own, so that appending never waits for it.
// Thread-safety: Safe for concurrent use.
class MarkKeeper {
 public:
  // `current` says how far the log is; it is called on the keeper's thread.
  MarkKeeper(std::string path, std::function<std::optional<Mark>()> current);
  // Writes the mark a last time.
  ~MarkKeeper();
  MarkKeeper(const MarkKeeper&) = delete;
  MarkKeeper& operator=(const MarkKeeper&) = delete;

 private:
  void Run();
  // Best effort: an older mark notices less and is never wrong.
  void Update();

  const std::string path_;
  const std::function<std::optional<Mark>()> current_;
  std::optional<Mark> written_;  // by the keeper's thread alone
  StoppableSleep pause_;
  std::thread thread_;
};

}  // namespace mixmatch
