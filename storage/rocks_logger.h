// Where RocksDB's own words go; for this folder alone.
#pragma once

#include <rocksdb/env.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace mixmatch {

// A read-only look leaves no log file behind. It remembers which file of the write-ahead log was
// damaged, which statuses do not say.
// Thread-safety: Safe for concurrent use.
class SilentLogger final : public rocksdb::Logger {
 public:
  SilentLogger() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    std::array<char, 1024> line = {};
    std::vsnprintf(line.data(), line.size(), format, arguments);
    const std::string_view text(line.data());
    // "PATH/000012.log: dropping 4000 bytes; Corruption: …"
    const size_t end = text.find(".log: dropping ");
    if (end == std::string_view::npos) return;
    const size_t start = text.find_last_of("/ ", end) + 1;
    const absl::MutexLock lock(&mu_);
    if (damaged_file_.empty()) damaged_file_ = text.substr(start, end + 4 - start);
  }

  // "000012.log"; empty when none was.
  std::string damaged_file() const {
    const absl::MutexLock lock(&mu_);
    return damaged_file_;
  }

 private:
  mutable absl::Mutex mu_;
  std::string damaged_file_ ABSL_GUARDED_BY(mu_);
};

// RocksDB's LOG in the database's directory, and the one before as LOG.old, of 4 MiB each. Its own
// logger ends the process by an assertion once the disk was full.
// Thread-safety: Safe for concurrent use.
class FileLogger final : public rocksdb::Logger {
 public:
  explicit FileLogger(const std::string& path);
  ~FileLogger() override;

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override;
  void LogHeader(const char* /*format*/, va_list /*arguments*/) override {
  }  // all options, each time

 private:
  void Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  absl::Mutex mu_;
  std::FILE* file_ ABSL_GUARDED_BY(mu_) = nullptr;
  size_t written_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace mixmatch
