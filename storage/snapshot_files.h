// Files and folders as snapshots need them: copied, linked, summed up, and on the disk before the
// next step. For this folder alone.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mixmatch {

struct FileFact {
  std::string name;
  uint64_t bytes = 0;
  uint64_t checksum = 0;  // XXH3-64; 0: not known
};

// The files of a database's folder that are part of it (no logs, no lock), by name, without
// checksums.
absl::StatusOr<std::vector<FileFact>> ListDatabaseFiles(const std::string& folder);

// XXH3-64 of a file. `read` is told of bytes as they are read; when it returns false, CANCELLED.
absl::StatusOr<uint64_t> ChecksumFile(const std::string& path,
                                      const std::function<bool(uint64_t)>& read);

// Makes `to` hold the files of `from`: tables as hard links where that is possible, since they
// never change, all others as copies. `to` is removed first. On the disk when it returns.
absl::Status CloneDatabase(const std::string& from, const std::string& to);

// As CloneDatabase, in as short a time as can be: logs too are links, and nothing is brought to the
// disk. Logs go on growing with those of `from`: UnlinkLogs before `to` is opened.
absl::Status LinkDatabase(const std::string& from, const std::string& to);

// Makes logs in `folder` that are links files of their own, each as long as it is by now.
absl::Status UnlinkLogs(const std::string& folder);

// Writes a whole file, or leaves what was there. On the disk when it returns.
absl::Status ReplaceFile(const std::string& path, const std::string& content);

// NOT_FOUND.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

// Brings a file's content to the disk.
absl::Status SyncFile(const std::string& path);

// Brings the names in a folder to the disk.
absl::Status SyncFolder(const std::string& folder);

absl::Status Rename(const std::string& from, const std::string& to);

// Removes it with all that it holds; no error where there is nothing.
absl::Status RemoveAll(const std::string& path);

}  // namespace mixmatch
