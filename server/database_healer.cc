// Looks at the health of the database now and then; a restart is what heals it.
#include "server/database_healer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/base/steady_now.h"

namespace mixmatch {
namespace {

// Over all lives of the daemon in this process: a disk that can be written and still fails is not
// asked again and again.
constexpr absl::Duration kWaitFirst = absl::Seconds(1);
constexpr absl::Duration kWaitMax = absl::Minutes(10);
constexpr absl::Duration kForget = absl::Minutes(30);  // without a restart, all is as at first
// A table that is damaged is met again as soon as RocksDB tries to compact it again.
constexpr absl::Duration kForgetDamage = absl::Hours(24);
std::atomic<int64_t> wait_ms = absl::ToInt64Milliseconds(kWaitFirst);
std::atomic<int64_t> restarted_s = 0;
std::atomic<int64_t> restarted_for_damage_s = 0;

int64_t Now() { return absl::ToUnixSeconds(SteadyNow()); }

bool Lately(int64_t when_s, absl::Duration span) {
  return when_s > 0 && Now() - when_s < absl::ToInt64Seconds(span);
}

}  // namespace

DatabaseHealer::DatabaseHealer(const Database* database, std::function<void()> restart,
                               absl::Duration interval)
    : database_(database),
      restart_(std::move(restart)),
      repeater_(std::make_unique<Repeater>(interval, [this] { Look(); })) {}

void DatabaseHealer::Look() {
  if (ended_ || SteadyNow() < not_before_) return;
  const absl::Status health = database_->health();
  if (health.ok()) return;
  const bool damage = absl::IsDataLoss(health);
  if (damage && Lately(restarted_for_damage_s, kForgetDamage)) {
    ended_ = true;
    spdlog::error("{}; starting anew did not help before: nothing is taken in any more",
                  std::string(health.message()));
    return;
  }
  if (!told_) {
    told_ = true;
    const absl::Duration wait =
        Lately(restarted_s, kForget) ? absl::Milliseconds(wait_ms.load()) : kWaitFirst;
    wait_ms = absl::ToInt64Milliseconds(std::min(2 * wait, kWaitMax));
    not_before_ = SteadyNow() + wait;
    spdlog::error("{}; nothing is taken in until {}", std::string(health.message()),
                  damage ? "the daemon starts anew" : "the disk works again");
    return;
  }
  if (!database_->ProbeDisk().ok()) return;
  spdlog::warn("{}: starting anew",
               damage ? "all but the damaged table is to be written" : "the disk works again");
  ended_ = true;
  restarted_s = Now();
  if (damage) restarted_for_damage_s = Now();
  restart_();
}

}  // namespace mixmatch
