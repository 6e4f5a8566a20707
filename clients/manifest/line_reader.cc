// Lines of bounded length.
#include "clients/manifest/line_reader.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace mixmatch::client {

LineReader::LineReader(std::ifstream file, size_t line_bytes_max)
    : file_(std::move(file)), line_bytes_max_(line_bytes_max) {}

absl::StatusOr<LineReader> LineReader::Open(const std::string& path, size_t line_bytes_max) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    return absl::NotFoundError(absl::StrCat(path, ": there is no such file; check the path"));
  }
  if (std::filesystem::is_directory(status)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": it is a folder; give a file"));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(path, ": it cannot be opened; check who may read it"));
  }
  return LineReader(std::move(file), line_bytes_max);
}

bool LineReader::ReadLine(Line* line) {
  line->text.clear();
  line->too_long = false;
  std::streambuf* const buffer = file_.rdbuf();
  int c = buffer->sbumpc();
  if (c == std::char_traits<char>::eof()) return false;
  line->number = ++number_;
  for (; c != std::char_traits<char>::eof() && c != '\n'; c = buffer->sbumpc()) {
    if (line->text.size() < line_bytes_max_) {
      line->text.push_back(static_cast<char>(c));
    } else {
      line->too_long = true;
    }
  }
  if (!line->text.empty() && line->text.back() == '\r') line->text.pop_back();
  return true;
}

std::optional<Line> LineReader::Next() {
  Line line;
  while (ReadLine(&line)) {
    if (line.text.find_first_not_of(" \t") != std::string::npos) return line;
  }
  return std::nullopt;
}

std::string FolderOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

}  // namespace mixmatch::client
