// The thread that builds graphs over sealed segments, one after another, at low priority.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/ids.h"
#include "storage/index/graph.h"
#include "storage/index/rows.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class GraphBuilder {
 public:
  // Called on the builder's thread with what was built.
  using Done = std::function<void(ModalityId partition, const std::shared_ptr<const Rows>& rows,
                                  const std::shared_ptr<const Graph>& graph)>;

  GraphBuilder(const IndexOptions& options, Done done);
  // Gives up what is under way, and waits until the thread has ended.
  ~GraphBuilder();
  GraphBuilder(const GraphBuilder&) = delete;
  GraphBuilder& operator=(const GraphBuilder&) = delete;

  // Queues a full segment. Does not block.
  void Add(ModalityId partition, std::shared_ptr<const Rows> rows);

 private:
  struct Job {
    ModalityId partition = 0;
    std::shared_ptr<const Rows> rows;
  };

  void Run();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return stop_ || !jobs_.empty(); }

  const IndexOptions options_;
  const Done done_;
  std::atomic<bool> stop_{false};
  absl::Mutex mu_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace mixmatch
