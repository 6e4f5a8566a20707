// What of a manifest was acknowledged already, kept in a file beside it.
//
// Takes lines and their sequence numbers from the ingest command; gives which lines need not be
// sent again. A line is known by a hash of its text, so a manifest may grow or be reordered between
// runs. Losing the file is harmless: the daemon stores an event once, however often it is sent.
//
// File: a first line "mixmatch-ingest-state 1", then per acknowledged line
// "<hash, 16 hex digits> <sequence number>". What does not read so, such as a last line that was
// cut off, counts as not acknowledged.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mixmatch::cli {

uint64_t HashOfLine(std::string_view line);

// Thread-safety: Not thread-safe: one owner thread.
class IngestState {
 public:
  // A state that is kept nowhere.
  IngestState() = default;

  // Reads the file, or makes it. INVALID_ARGUMENT when it is another kind of file;
  // PERMISSION_DENIED when it cannot be written.
  static absl::StatusOr<IngestState> Open(const std::string& path);

  // The sequence number of an acknowledged line; 0 for any other.
  uint64_t SequenceOf(uint64_t line_hash) const;
  // Remembers it, in the file at once.
  void Record(uint64_t line_hash, uint64_t sequence);
  // Forgets everything, in the file too: it speaks of another memory.
  absl::Status Clear();

  size_t size() const { return sequences_.size(); }

 private:
  std::string path_;
  std::ofstream file_;
  std::unordered_map<uint64_t, uint64_t> sequences_;
};

}  // namespace mixmatch::cli
