// Looks at the health of the database now and then; a restart is what heals it.
#include "server/database_healer.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace mixmatch {

DatabaseHealer::DatabaseHealer(const Database* database, std::function<void()> restart,
                               absl::Duration interval)
    : database_(database),
      restart_(std::move(restart)),
      repeater_(std::make_unique<Repeater>(interval, [this] { Look(); })) {}

void DatabaseHealer::Look() {
  if (restarts_) return;
  const absl::Status health = database_->health();
  if (health.ok()) return;
  if (!told_) {
    told_ = true;
    spdlog::error("{}; nothing is taken in until the disk can be written again",
                  std::string(health.message()));
  }
  const absl::Status writable = database_->ProbeDisk();
  if (!writable.ok()) return;
  spdlog::warn("the disk can be written again: starting anew");
  restarts_ = true;
  restart_();
}

}  // namespace mixmatch
