// Watches the space that is left where the memory lies. Below the watermark nothing new is taken
// in, so that what runs already (the log's tables, a publish) can end well; once there is space
// again, everything goes on by itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/repeater.h"

namespace mixmatch {

// Bytes that a process may still write where `path` is; nullopt where that is not known.
std::optional<uint64_t> FreeBytes(const std::string& path);

// Thread-safety: Safe for concurrent use.
class DiskGuard {
 public:
  using Measure = std::function<std::optional<uint64_t>()>;

  // Measures once now, and every `interval` on a thread of its own. `least_bytes` 0: never full.
  DiskGuard(uint64_t least_bytes, Measure measure, absl::Duration interval = absl::Seconds(1));

  // Whether something new may be stored; else RESOURCE_EXHAUSTED with `what` ("event not stored"),
  // the space that is left, and what to do. As of the last measurement.
  absl::Status Check(const char* what) const;

 private:
  void Look();

  const uint64_t least_bytes_;
  const Measure measure_;
  std::atomic<uint64_t> free_bytes_{UINT64_MAX};
  bool was_full_ = false;  // of the thread alone, once it runs
  std::unique_ptr<Repeater> repeater_;
};

}  // namespace mixmatch
