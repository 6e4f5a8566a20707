// Files of JSON Lines, one object a line, and records of the database as such objects.
#pragma once

#include <google/protobuf/message.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/exchange/event_json.h"

namespace mixmatch {

// Thread-safety: Not thread-safe: one owner thread.
class LineWriter {
 public:
  explicit LineWriter(const std::string& path) : path_(path), out_(path, std::ios::binary) {}

  // INVALID_ARGUMENT when a text is no UTF-8.
  absl::Status Write(const Json& json);
  // INTERNAL when anything could not be written.
  absl::Status Close();

  // That were written.
  uint64_t lines() const { return lines_; }

 private:
  const std::string path_;
  std::ofstream out_;
  uint64_t lines_ = 0;
};

// Thread-safety: Not thread-safe: one owner thread.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : path_(path), in_(path, std::ios::binary) {}

  // The next object; nullopt behind the last. INVALID_ARGUMENT names file and line; DATA_LOSS where
  // the file is not there or cannot be read to its end.
  absl::StatusOr<std::optional<Json>> Next();
  // An error about the line that was read last.
  absl::Status Wrong(const absl::Status& status) const;

  // That were read.
  uint64_t lines() const { return line_; }

 private:
  const std::string path_;
  std::ifstream in_;
  uint64_t line_ = 0;
};

// Calls `take` with every line of a file.
absl::Status EachLine(LineReader& reader, const std::function<absl::Status(const Json&)>& take);

// A record in proto3's JSON mapping, and back. INVALID_ARGUMENT.
absl::StatusOr<Json> RecordToJson(const google::protobuf::Message& record);
absl::Status RecordFromJson(const Json& json, google::protobuf::Message& record);

}  // namespace mixmatch
