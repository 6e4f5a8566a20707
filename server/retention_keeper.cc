// A pass that fails is logged; the next one goes on.
#include "server/retention_keeper.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace mixmatch {

RetentionKeeper::RetentionKeeper(std::vector<RetentionRule> rules, absl::Duration every,
                                 Database* database, AuditLog* audit, const Clock* clock)
    : rules_(std::move(rules)), database_(database), audit_(audit), clock_(clock) {
  if (!rules_.empty()) repeater_ = std::make_unique<Repeater>(every, [this] { Look(); });
}

RetentionKeeper::~RetentionKeeper() { stop_ = true; }

void RetentionKeeper::Look() {
  const absl::StatusOr<RetentionCounts> dropped =
      DropPayloads(database_, rules_, clock_->Now(), stop_);
  if (!dropped.ok()) {
    spdlog::error("retention: {}", std::string(dropped.status().message()));
    return;
  }
  if (dropped->events == 0) return;
  spdlog::info("retention: {} payloads of {} events dropped, {} bytes", dropped->percepts,
               dropped->events, dropped->bytes);
  audit_->Retained(dropped->events, dropped->percepts, dropped->bytes);
}

}  // namespace mixmatch
