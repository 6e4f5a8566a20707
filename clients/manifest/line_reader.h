// Reads a file line by line, with numbers and a limit.
//
// Takes a path; gives the lines that are not blank to the manifest's and the queries' readers. It
// knows nothing of what the lines say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace mixmatch::client {

struct Line {
  uint64_t number = 0;  // from 1
  std::string text;     // without its end ("\n" or "\r\n")
  // The line was longer than the limit; `text` is its beginning.
  bool too_long = false;
};

// Thread-safety: Not thread-safe: one owner thread.
class LineReader {
 public:
  static constexpr size_t kLineBytesMax = size_t{16} << 20;

  // NOT_FOUND when the file cannot be opened; INVALID_ARGUMENT when it is no regular file.
  static absl::StatusOr<LineReader> Open(const std::string& path,
                                         size_t line_bytes_max = kLineBytesMax);

  // The next line that is not blank; nothing at the end of the file.
  std::optional<Line> Next();

 private:
  LineReader(std::ifstream file, size_t line_bytes_max);

  // Reads one line; false at the end.
  bool ReadLine(Line* line);

  std::ifstream file_;
  size_t line_bytes_max_;
  uint64_t number_ = 0;
};

// The folder that a file's relative paths start from: that of `path`, "." for a bare name.
std::string FolderOf(const std::string& path);

}  // namespace mixmatch::client
