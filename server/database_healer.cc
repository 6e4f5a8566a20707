// Looks at the health of the database now and then; a restart is what heals it.
#include "server/database_healer.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "server/steady_now.h"

namespace mixmatch {
namespace {

// Over all lives of the daemon in this process: a disk that can be written and still fails is not
// asked again and again.
constexpr absl::Duration kWaitFirst = absl::Seconds(1);
constexpr absl::Duration kWaitMax = absl::Minutes(10);
constexpr absl::Duration kForget = absl::Minutes(30);  // without a restart, all is as at first
std::atomic<int64_t> wait_ms = absl::ToInt64Milliseconds(kWaitFirst);
std::atomic<int64_t> restarted_s = 0;

int64_t Now() { return absl::ToUnixSeconds(SteadyNow()); }

}  // namespace

DatabaseHealer::DatabaseHealer(const Database* database, std::function<void()> restart,
                               absl::Duration interval)
    : database_(database),
      restart_(std::move(restart)),
      repeater_(std::make_unique<Repeater>(interval, [this] { Look(); })) {}

void DatabaseHealer::Look() {
  if (restarts_ || SteadyNow() < not_before_) return;
  const absl::Status health = database_->health();
  if (health.ok()) return;
  if (!told_) {
    told_ = true;
    const bool again = restarted_s > 0 && Now() - restarted_s < absl::ToInt64Seconds(kForget);
    const absl::Duration wait = again ? absl::Milliseconds(wait_ms.load()) : kWaitFirst;
    wait_ms = absl::ToInt64Milliseconds(std::min(2 * wait, kWaitMax));
    not_before_ = SteadyNow() + wait;
    spdlog::error("{}; nothing is taken in until the disk can be written again",
                  std::string(health.message()));
  }
  const absl::Status writable = database_->ProbeDisk();
  if (!writable.ok()) return;
  spdlog::warn("the disk can be written again: starting anew");
  restarts_ = true;
  restarted_s = Now();
  restart_();
}

}  // namespace mixmatch
