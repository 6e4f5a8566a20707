// Watches the memory that the daemon holds. Near the budget nothing new is stored, at the budget no
// call is taken in that computes; once memory is free again, everything goes on by itself.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/repeater.h"

namespace mixmatch {

// Bytes that this process holds in memory; nullopt where that is not known.
std::optional<uint64_t> ResidentBytes();

// What this process may use: the machine's memory, or what its control group (v1 or v2) allows
// where that is less. nullopt where neither is known.
std::optional<uint64_t> MemoryLimitBytes();

// What `configured` means: itself, or for 0 three quarters of MemoryLimitBytes(), or 0 where that
// is not known.
uint64_t MemoryBudget(uint64_t configured);

// Thread-safety: Safe for concurrent use.
class MemoryGuard {
 public:
  using Measure = std::function<std::optional<uint64_t>()>;

  // Measures once now, and every `interval` on a thread of its own. `budget_bytes` 0: no budget.
  MemoryGuard(uint64_t budget_bytes, Measure measure,
              absl::Duration interval = absl::Milliseconds(50));

  // Whether something new may be stored: below nine tenths of the budget. Else RESOURCE_EXHAUSTED
  // with `what` ("event not stored"), the fact and what to do. As of the last measurement.
  absl::Status CheckStore(const char* what) const;
  // Whether a call may be taken in: below the budget.
  absl::Status CheckCall() const;

 private:
  void Look();
  absl::Status Full(const char* what, uint64_t resident) const;

  const uint64_t budget_;
  const Measure measure_;
  std::atomic<uint64_t> resident_{0};
  bool was_full_ = false;  // of the thread alone, once it runs
  absl::Time released_ = absl::InfinitePast();
  std::unique_ptr<Repeater> repeater_;
};

}  // namespace mixmatch
