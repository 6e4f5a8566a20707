// One number, measured by a thread, read by everyone.
#include "server/disk_guard.h"

#include <spdlog/spdlog.h>
#include <sys/statvfs.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace mixmatch {

std::optional<uint64_t> FreeBytes(const std::string& path) {
  struct statvfs facts = {};
  if (statvfs(path.c_str(), &facts) != 0) return std::nullopt;
  return static_cast<uint64_t>(facts.f_bavail) * facts.f_frsize;
}

DiskGuard::DiskGuard(uint64_t least_bytes, Measure measure, absl::Duration interval)
    : least_bytes_(least_bytes), measure_(std::move(measure)) {
  if (least_bytes_ == 0) return;
  Look();
  repeater_ = std::make_unique<Repeater>(interval, [this] { Look(); });
}

absl::Status DiskGuard::Check(const char* what) const {
  const uint64_t free = free_bytes_.load(std::memory_order_relaxed);
  if (free >= least_bytes_) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      what, ": ", free >> 20, " MiB are left on the disk, and limits.disk_free_bytes is ",
      least_bytes_ >> 20, " MiB; free space: it goes on by itself"));
}

void DiskGuard::Look() {
  const std::optional<uint64_t> free = measure_();
  if (!free) return;  // what is not known does not stop anything
  free_bytes_.store(*free, std::memory_order_relaxed);
  const bool full = *free < least_bytes_;
  if (full && !was_full_) {
    spdlog::error("disk: {} MiB are left; nothing new is taken in until there are {}", *free >> 20,
                  least_bytes_ >> 20);
  } else if (!full && was_full_) {
    spdlog::info("disk: {} MiB are left again: events are taken in", *free >> 20);
  }
  was_full_ = full;
}

}  // namespace mixmatch
