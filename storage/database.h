// The one RocksDB that holds everything: options, column families, and errors in our words.
//
// Gives itself to the other classes of this folder. RocksDB stays behind it: the rest of the
// program sees the interfaces of core and the classes beside this one.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mixmatch {

struct DatabaseOptions {
  size_t block_cache_bytes = 128 << 20;
  // Of what is not in tables yet: half of it for all that the log holds, half for any one column
  // family alone. Altogether about twice as much at most.
  size_t write_buffer_bytes = 64 << 20;
  bool create_if_missing = true;
  // Nothing is written, and it may be open elsewhere: shows what was on the disk at this moment.
  bool read_only = false;
  // With read_only: where the write-ahead log is damaged, show what is before the damage.
  bool salvage = false;
};

// Thread-safety: Safe for concurrent use.
class Database {
 public:
  class Impl;  // storage/database_impl.h, for this folder alone

  // Opens or makes the database in `path`. FAILED_PRECONDITION when another process holds it or the
  // format is newer than this program; DATA_LOSS when the log is damaged, or CURRENT is gone where
  // other files are not, with file and what to do.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        const DatabaseOptions& options);
  ~Database();

  // Opens a database without writing to it and compares every table with the checksum that its
  // MANIFEST has of it. `go_on` is asked on the way, on any thread. NOT_FOUND; DATA_LOSS with the
  // file; CANCELLED.
  static absl::Status Check(const std::string& path, const std::function<bool()>& go_on = nullptr);

  // Where the write-ahead log of a database that does not open is damaged: ", file F: sequences A
  // to B …"; empty when that cannot be told.
  static std::string DescribeLogDamage(const std::string& path);

  // OK; or why nothing can be written any more until the database is opened again. Reading goes on.
  // UNAVAILABLE, RESOURCE_EXHAUSTED: the disk failed under a write. DATA_LOSS: a table is damaged,
  // and was to be compacted; it is still damaged when the database is opened again.
  absl::Status health() const;

  // Whether a file can be written beside the database, and brought to the disk; and whether those
  // that are read to open it can be read.
  absl::Status ProbeDisk() const;

  // Bytes on disk, all files.
  uint64_t DiskBytes() const;

  // Small named settings of the daemon (ground state), synced. Get: NOT_FOUND.
  absl::Status PutSetting(const std::string& name, const std::string& value);
  absl::StatusOr<std::string> GetSetting(const std::string& name) const;

  Impl& impl() { return *impl_; }

 private:
  explicit Database(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch
