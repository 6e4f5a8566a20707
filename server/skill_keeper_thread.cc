// One thread turns queues of lessons into solutions: in the space that serves, and in one that is
// about to.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "core/base/steady_now.h"
#include "core/base/thread_priority.h"
#include "core/encoder/encoder.h"
#include "server/skill_entry.h"
#include "server/skill_keeper.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kQuiet = absl::Milliseconds(300);  // after which a skill settles
constexpr absl::Duration kLook = absl::Milliseconds(500);   // how often the serving space is seen

}  // namespace

SkillKeeper::~SkillKeeper() { Stop(); }

void SkillKeeper::Start() {
  thread_ = std::thread([this] {
    NameThread("skills");
    SetComputeThreads(1);
    Run();
  });
}

void SkillKeeper::Stop() {
  {
    const absl::MutexLock lock(&mu_);
    stopping_ = true;
  }
  pause_.Stop();
  if (thread_.joinable()) thread_.join();
}

void SkillKeeper::Wake() { pause_.Wake(); }

void SkillKeeper::Prepare(const std::shared_ptr<const Space>& next) {
  const absl::MutexLock lock(&mu_);
  if (stopping_ || !thread_.joinable()) return;
  wanted_ = next;
  pause_.Wake();
  const auto done = [this, &next] {
    mu_.AssertReaderHeld();
    return stopping_ || next_ == next;
  };
  mu_.Await(absl::Condition(&done));
}

void SkillKeeper::Run() {
  Generation seen = 0;
  Generation previous = 0;
  absl::Duration pause = absl::ZeroDuration();
  while (true) {
    std::shared_ptr<const Space> wanted;
    {
      if (pause_.For(std::min(pause, kLook))) return;
      const absl::MutexLock lock(&mu_);
      wanted = wanted_;
    }
    const std::shared_ptr<const Space> serving = parts_.generations->serving();
    if (serving->number != seen) previous = std::exchange(seen, serving->number);
    std::shared_ptr<const Space> next;
    {
      const absl::MutexLock lock(&mu_);
      if (next_ != nullptr && next_->number == serving->number) next_ = nullptr;
      next = next_;
    }
    std::vector<Generation> kept = {seen, previous};
    for (const auto& space : {next, wanted}) {
      if (space != nullptr) kept.push_back(space->number);
    }
    pause = absl::InfiniteDuration();
    for (const std::shared_ptr<SkillEntry>& entry : Entries()) {
      pause = std::min(pause, Bring(*entry, serving, /*settle_now=*/false));
      if (wanted != nullptr) {
        Bring(*entry, wanted, /*settle_now=*/true);
      } else if (next != nullptr) {
        pause = std::min(pause, Bring(*entry, next, /*settle_now=*/false));
      }
      entry->solver.KeepOnly(kept);
      const absl::MutexLock lock(&entry->mu);
      std::erase_if(entry->solved, [&](const auto& solved) {
        return std::find(kept.begin(), kept.end(), solved.first) == kept.end();
      });
    }
    if (wanted == nullptr) continue;
    const absl::MutexLock lock(&mu_);
    next_ = wanted;
    if (wanted_ == wanted) wanted_ = nullptr;
  }
}

absl::Duration SkillKeeper::Bring(SkillEntry& entry, const std::shared_ptr<const Space>& space,
                                  bool settle_now) {
  std::vector<LessonChange> changes;
  uint64_t version = 0;
  absl::Duration quiet;
  SkillEntry::Solved known;
  {
    const absl::MutexLock lock(&entry.mu);
    changes.swap(entry.pending);
    version = entry.version;
    quiet = SteadyNow() - entry.changed;
    const auto found = entry.solved.find(space->number);
    if (found != entry.solved.end()) known = found->second;
  }
  if (!changes.empty()) entry.solver.Apply(changes);
  const bool settle = settle_now || quiet >= kQuiet;
  if (known.version == version && (known.settled || !settle)) {
    return known.settled ? absl::InfiniteDuration() : kQuiet;
  }
  auto solution = entry.solver.Solve(space, settle);
  SkillEntry::Solved now{.version = version, .settled = settle};
  if (solution.ok()) {
    now.solution = *std::move(solution);
    if (settle && now.solution->unreadable > 0) {
      spdlog::warn("skill {}: {} of its examples could not be read and do not count",
                   entry.spec.name, now.solution->unreadable);
    }
  } else {
    now.failure = solution.status();
  }
  if (!now.failure.ok() && !absl::IsFailedPrecondition(now.failure)) {
    spdlog::error("skill {} not solved in generation {}: {}", entry.spec.name, space->number,
                  std::string(now.failure.message()));
  }
  const absl::MutexLock lock(&entry.mu);
  entry.solved[space->number] = now;
  return now.settled && entry.version == version ? absl::InfiniteDuration() : kQuiet;
}

}  // namespace mixmatch
