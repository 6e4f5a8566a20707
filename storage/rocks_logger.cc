// Plain files: a line that cannot be written is lost, and nothing else is.
#include "storage/rocks_logger.h"

#include <sys/time.h>

#include <ctime>
#include <filesystem>
#include <system_error>

namespace mixmatch {
namespace {

constexpr size_t kFileBytesMax = 4 << 20;

}  // namespace

FileLogger::FileLogger(const std::string& path)
    : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), path_(path) {
  const absl::MutexLock lock(&mu_);
  Open();
}

FileLogger::~FileLogger() {
  const absl::MutexLock lock(&mu_);
  if (file_ != nullptr) std::fclose(file_);
}

void FileLogger::Open() {
  std::error_code ignored;
  std::filesystem::rename(path_, path_ + ".old", ignored);
  file_ = std::fopen(path_.c_str(), "ae");
  written_ = 0;
}

void FileLogger::Logv(const char* format, va_list arguments) {
  std::array<char, 4096> line = {};
  timeval now = {};
  gettimeofday(&now, nullptr);
  tm parts = {};
  gmtime_r(&now.tv_sec, &parts);
  const size_t head = std::strftime(line.data(), line.size(), "%Y-%m-%dT%H:%M:%SZ ", &parts);
  std::vsnprintf(line.data() + head, line.size() - head, format, arguments);
  const absl::MutexLock lock(&mu_);
  if (file_ == nullptr) return;
  const int count = std::fprintf(file_, "%s\n", line.data());
  if (std::fflush(file_) != 0) std::clearerr(file_);
  if (count > 0) written_ += static_cast<size_t>(count);
  if (written_ < kFileBytesMax) return;
  std::fclose(file_);
  Open();
}

}  // namespace mixmatch
