// One number, measured by a thread, read by everyone.
#include "server/memory_guard.h"

#include <spdlog/spdlog.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/own_heap.h"
#include "core/base/steady_now.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kReleaseEvery = absl::Seconds(1);

// The first number of a file; nullopt for none, such as "max".
std::optional<uint64_t> NumberIn(const std::string& path) {
  std::ifstream file(path);
  uint64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

// The path of this process's control group, as its line in /proc/self/cgroup ends.
std::string GroupPath(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) return line.substr(second + 1);
  }
  return "";
}

uint64_t Store(uint64_t budget) { return budget / 10 * 9; }

}  // namespace

std::optional<uint64_t> ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  if (!(file >> all >> resident)) return std::nullopt;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

std::optional<uint64_t> MemoryLimitBytes() {
  std::optional<uint64_t> limit;
  struct sysinfo facts = {};
  if (sysinfo(&facts) == 0) limit = uint64_t{facts.totalram} * facts.mem_unit;
  // Inside a container the group's own folder is the root of what is mounted.
  for (const std::string& path :
       {"/sys/fs/cgroup" + GroupPath("") + "/memory.max", std::string("/sys/fs/cgroup/memory.max"),
        "/sys/fs/cgroup/memory" + GroupPath("memory") + "/memory.limit_in_bytes",
        std::string("/sys/fs/cgroup/memory/memory.limit_in_bytes")}) {
    const std::optional<uint64_t> group = NumberIn(path);
    if (group && *group > 0) limit = std::min(limit.value_or(*group), *group);
  }
  return limit;
}

uint64_t MemoryBudget(uint64_t configured) {
  return configured > 0 ? configured : MemoryLimitBytes().value_or(0) / 4 * 3;
}

MemoryGuard::MemoryGuard(uint64_t budget_bytes, Measure measure, absl::Duration interval)
    : budget_(budget_bytes), measure_(std::move(measure)) {
  if (budget_ == 0) return;
  Look();
  repeater_ = std::make_unique<Repeater>(interval, [this] { Look(); });
}

absl::Status MemoryGuard::CheckStore(const char* what) const {
  const uint64_t resident = resident_.load(std::memory_order_relaxed);
  return budget_ == 0 || resident <= Store(budget_) ? absl::OkStatus() : Full(what, resident);
}

absl::Status MemoryGuard::CheckCall() const {
  const uint64_t resident = resident_.load(std::memory_order_relaxed);
  return budget_ == 0 || resident <= budget_ ? absl::OkStatus() : Full("call refused", resident);
}

absl::Status MemoryGuard::Full(const char* what, uint64_t resident) const {
  return absl::ResourceExhaustedError(absl::StrCat(
      what, ": ", resident >> 20, " MiB of memory are in use, and limits.memory_bytes is ",
      budget_ >> 20, " MiB; try again later, or raise it"));
}

void MemoryGuard::Look() {
  const std::optional<uint64_t> resident = measure_();
  if (!resident) return;  // what is not known does not stop anything
  resident_.store(*resident, std::memory_order_relaxed);
  const bool full = *resident > Store(budget_);
  if (full && SteadyNow() - released_ >= kReleaseEvery) {
    ReleaseFreeMemory();
    released_ = SteadyNow();
  }
  if (full && !was_full_) {
    spdlog::warn("memory: {} MiB are in use of a budget of {}; nothing new is taken in",
                 *resident >> 20, budget_ >> 20);
  } else if (!full && was_full_) {
    spdlog::info("memory: {} MiB are in use: events are taken in", *resident >> 20);
  }
  was_full_ = full;
}

}  // namespace mixmatch
