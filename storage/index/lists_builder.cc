// Sleeps until it is woken; asks for jobs until there are none.
#include "storage/index/lists_builder.h"

#include <utility>

#include "absl/time/time.h"
#include "core/base/steady_now.h"

namespace mixmatch {

ListsBuilder::ListsBuilder(std::string name, ThreadPriority priority, const IndexOptions& options,
                           Next next, Done done)
    : name_(std::move(name)),
      priority_(priority),
      options_(options),
      next_(std::move(next)),
      done_(std::move(done)),
      thread_([this] { Run(); }) {}

ListsBuilder::~ListsBuilder() {
  {
    const absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  pause_.Stop();
  thread_.join();
}

void ListsBuilder::Wake() {
  {
    const absl::MutexLock lock(&mu_);
    woken_ = true;
    rests_ = false;
  }
  pause_.Wake();
}

void ListsBuilder::AwaitBuilt(absl::Duration at_most) const {
  const absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(absl::Condition(this, &ListsBuilder::IsBuilt), at_most);
}

bool ListsBuilder::rests() const {
  const absl::MutexLock lock(&mu_);
  return rests_;
}

bool ListsBuilder::TakeNews(absl::Duration at_most) {
  const absl::Time until = SteadyNow() + at_most;
  while (true) {
    const absl::Duration left = until - SteadyNow();
    {
      const absl::MutexLock lock(&mu_);
      const bool came = HasNews();
      if (came || left <= absl::ZeroDuration()) {
        building_ = woken_;
        woken_ = false;
        return came;
      }
    }
    pause_.For(left);
  }
}

void ListsBuilder::Run() {
  NameThread(name_);
  // Recall and ingest come first. A refusal costs only politeness.
  (void)SetThreadPriority(ThisThread(), priority_);
  bool rested = true;  // nothing came since the last look while idle
  while (!stop_) {
    {
      const absl::MutexLock lock(&mu_);
      building_ = false;
      rests_ = rested && !woken_;
    }
    rested = !TakeNews(rested ? absl::InfiniteDuration() : options_.merge_idle);
    while (!stop_) {
      const std::optional<Job> job = next_(rested);
      if (!job.has_value()) break;
      const auto lists = Lists::Build(job->sources, options_, stop_);
      if (stop_) return;
      done_(*job, lists.ok() ? *lists : nullptr);
    }
  }
}

}  // namespace mixmatch
