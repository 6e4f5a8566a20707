// A thread that builds lists, one after another, behind those who ask and store.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/ids.h"
#include "core/base/stoppable_sleep.h"
#include "core/base/thread_priority.h"
#include "storage/index/lists.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class ListsBuilder {
 public:
  struct Job {
    ModalityId partition = 0;
    std::vector<ListsSource> sources;
  };
  // What is to be done next; `idle`: it was not woken for `merge_idle`. Called on the builder's
  // thread, until there is nothing.
  using Next = std::function<std::optional<Job>(bool idle)>;
  // Called on the builder's thread with what was built of a job; null where building failed.
  using Done = std::function<void(const Job& job, const std::shared_ptr<const Lists>& lists)>;

  // `name` and `priority`: of the thread.
  ListsBuilder(std::string name, ThreadPriority priority, const IndexOptions& options, Next next,
               Done done);
  // Gives up what is under way, and waits until the thread has ended.
  ~ListsBuilder();
  ListsBuilder(const ListsBuilder&) = delete;
  ListsBuilder& operator=(const ListsBuilder&) = delete;

  // Says that there may be something to do. Does not block.
  void Wake();
  // Waits until everything is built that it was woken for, at most so long.
  void AwaitBuilt(absl::Duration at_most) const;
  // Whether there was nothing to do when it last looked, while idle.
  bool rests() const;

 private:
  void Run();
  // Waits until it is woken, or is to end; false where nothing came for so long.
  bool TakeNews(absl::Duration at_most);
  bool HasNews() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stop_ || woken_; }

  bool IsBuilt() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stop_ || !(woken_ || building_); }

  const std::string name_;
  const ThreadPriority priority_;
  const IndexOptions options_;
  const Next next_;
  const Done done_;
  std::atomic<bool> stop_{false};
  mutable absl::Mutex mu_;
  bool rests_ ABSL_GUARDED_BY(mu_) = true;
  bool woken_ ABSL_GUARDED_BY(mu_) = false;
  bool building_ ABSL_GUARDED_BY(mu_) = false;  // since it was woken
  StoppableSleep pause_;
  std::thread thread_;
};

}  // namespace mixmatch
