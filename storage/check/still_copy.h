// One moment of a database that another process writes: its tables are linked, the rest is copied.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mixmatch {

// Whether another process has the database of `path` open for writing. Thread-safe.
bool IsOpenElsewhere(const std::string& path);

// A copy that lies beside the database, with its mark, and goes with the object.
// Thread-safety: Immutable once made; safe to share.
class StillCopy {
 public:
  // UNAVAILABLE where the database does not stand still for long enough; RESOURCE_EXHAUSTED (the
  // disk is full), INTERNAL (nothing can be written there).
  static absl::StatusOr<std::unique_ptr<StillCopy>> Of(const std::string& path);
  ~StillCopy();
  StillCopy(const StillCopy&) = delete;
  StillCopy& operator=(const StillCopy&) = delete;

  // As for Database::Open.
  const std::string& path() const { return path_; }

 private:
  explicit StillCopy(std::string path) : path_(std::move(path)) {}

  const std::string path_;
};

// Removes copies beside the database of `path` whose process ended before it could.
void RemoveStillCopies(const std::string& path);

}  // namespace mixmatch
