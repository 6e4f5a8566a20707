// Sleeps until it is woken; asks for jobs until there are none.
#include "storage/index/lists_builder.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "absl/time/time.h"

namespace mixmatch {
namespace {

// Recall and ingest come first: as a "nice" thread it takes what they leave.
constexpr int kNice = 10;

}  // namespace

ListsBuilder::ListsBuilder(const IndexOptions& options, Next next, Done done)
    : options_(options),
      next_(std::move(next)),
      done_(std::move(done)),
      thread_([this] { Run(); }) {}

ListsBuilder::~ListsBuilder() {
  {
    const absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  thread_.join();
}

void ListsBuilder::Wake() {
  const absl::MutexLock lock(&mu_);
  woken_ = true;
  rests_ = false;
}

bool ListsBuilder::rests() const {
  const absl::MutexLock lock(&mu_);
  return rests_;
}

void ListsBuilder::Run() {
  // Best effort: a refusal costs only politeness. On Linux it is the thread's own.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  bool rested = true;  // nothing came since the last look while idle
  while (!stop_) {
    bool idle = false;
    {
      const absl::MutexLock lock(&mu_);
      const absl::Condition news(this, &ListsBuilder::HasNews);
      if (rested) {
        rests_ = !woken_;
        mu_.Await(news);
      } else {
        idle = !mu_.AwaitWithTimeout(news, options_.merge_idle);
      }
      woken_ = false;
    }
    rested = idle;
    while (!stop_) {
      const std::optional<Job> job = next_(idle);
      if (!job.has_value()) break;
      const auto lists = Lists::Build(job->sources, options_, stop_);
      if (stop_) return;
      done_(*job, lists.ok() ? *lists : nullptr);
    }
  }
}

}  // namespace mixmatch
