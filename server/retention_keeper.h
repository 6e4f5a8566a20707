// Drops payloads that are older than the config wants them kept, by the clock, and writes in the
// audit log what went.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "core/base/clock.h"
#include "server/access/audit.h"
#include "server/repeater.h"
#include "storage/database.h"
#include "storage/retention.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class RetentionKeeper {
 public:
  // Looks every `every` on a thread of its own; never, where there are no rules.
  RetentionKeeper(std::vector<RetentionRule> rules, absl::Duration every, Database* database,
                  AuditLog* audit, const Clock* clock);
  // Cuts off a pass that is under way.
  ~RetentionKeeper();
  RetentionKeeper(const RetentionKeeper&) = delete;
  RetentionKeeper& operator=(const RetentionKeeper&) = delete;

 private:
  void Look();

  const std::vector<RetentionRule> rules_;
  Database* const database_;
  AuditLog* const audit_;
  const Clock* const clock_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Repeater> repeater_;  // last: it uses the others
};

}  // namespace mixmatch
