// Written beside and renamed into place.
#include "storage/high_water_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/thread_priority.h"
#include "storage/codec/envelope.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(1);
constexpr size_t kMarkBytes = 3 * sizeof(uint64_t);

uint64_t ChecksumOf(const std::array<uint64_t, 3>& words) {
  return codec::Checksum(
      std::string_view(reinterpret_cast<const char*>(words.data()), 2 * sizeof(uint64_t)));
}

absl::Status WriteError(const std::string& path) {
  return absl::InternalError(absl::StrCat("high-water mark not written: ", path, ": ",
                                          std::strerror(errno), "; check the data directory"));
}

}  // namespace

std::optional<Mark> ReadMark(const std::string& path) {
  std::array<uint64_t, 3> words = {};
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(words.data()), kMarkBytes)) return std::nullopt;
  if (words[2] != ChecksumOf(words)) return std::nullopt;
  return Mark{.last_seq = words[0], .entry_checksum = words[1]};
}

absl::Status WriteMark(const std::string& path, const Mark& mark) {
  std::array<uint64_t, 3> words = {mark.last_seq, mark.entry_checksum, 0};
  words[2] = ChecksumOf(words);
  const std::string next = path + ".next";
  const int file = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) return WriteError(next);
  const bool written = write(file, words.data(), kMarkBytes) == static_cast<ssize_t>(kMarkBytes) &&
                       fdatasync(file) == 0;
  const bool closed = close(file) == 0;
  if (!written || !closed || std::rename(next.c_str(), path.c_str()) != 0) return WriteError(next);
  return absl::OkStatus();
}

MarkKeeper::MarkKeeper(std::string path, std::function<std::optional<Mark>()> current)
    : path_(std::move(path)), current_(std::move(current)), thread_([this] { Run(); }) {}

MarkKeeper::~MarkKeeper() {
  pause_.Stop();
  thread_.join();
}

void MarkKeeper::Run() {
  NameThread("mark");
  for (bool stop = false; !stop;) {
    stop = pause_.For(kInterval);
    Update();
  }
}

void MarkKeeper::Update() {
  const std::optional<Mark> mark = current_();
  if (!mark || mark == written_) return;
  if (WriteMark(path_, *mark).ok()) written_ = mark;
}

}  // namespace mixmatch
