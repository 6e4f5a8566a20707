// Events on their way to disk: validated, sensed in parallel, written in groups, answered in order.
//
// Takes events from every stream; gives them to the event log, many at once in one synced write
// (group commit), and tells each caller what became of its event. Callers are answered in the order
// in which they submitted, which is also the order of sequence numbers.
//
// Invariants:
//   1. A callback says "stored" only after the sync.
//   2. Every submitted event is answered exactly once, also when the pipeline ends.
//   3. At most `limits.queue_events` events with `limits.queue_bytes` of payload are inside; more
//   are
//      refused at once with RESOURCE_EXHAUSTED.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/base/validate.h"
#include "core/media/sense.h"
#include "server/config.h"
#include "server/disk_guard.h"
#include "server/worker_pool.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows log, disk and clock, which must outlive it.
class IngestPipeline {
 public:
  using Done = std::function<void(const AppendResult&)>;

  // `appended` runs on the writer's thread after each group that reached the log.
  IngestPipeline(const Config& config, EventLog* log, const DiskGuard* disk, const Clock* clock,
                 std::function<void()> appended);
  // Ends after everything inside is written and answered.
  ~IngestPipeline();

  // Takes an event; `done` runs on the writer's thread, never inside this call. Does not block on
  // disk or decoding.
  void Submit(Event event, Done done);

  // Writes that a scene fell silent, after everything submitted before.
  void SubmitIdleClose(std::string scene);

  // Above `limits.backlog_events` that are durable and not recallable, events are refused.
  void SetBacklog(uint64_t events) { backlog_.store(events, std::memory_order_relaxed); }

 private:
  struct Slot {
    PendingEvent pending;
    Done done;
    size_t bytes = 0;
    bool sensed = false;     // under mu_
    absl::Status error;      // set before sensed
    std::string idle_scene;  // an idle record instead of an event
    bool is_idle_record = false;
  };

  absl::Status Admit(Event& event, size_t bytes);
  void Sense(const std::shared_ptr<Slot>& slot);
  void Push(std::shared_ptr<Slot> slot);
  void Write();
  std::vector<std::shared_ptr<Slot>> NextGroup();
  void Commit(const std::vector<std::shared_ptr<Slot>>& group);

  const Config config_;
  const EventLimits event_limits_;
  const SenseLimits sense_limits_;
  EventLog* const log_;
  const DiskGuard* const disk_;
  const Clock* const clock_;
  const std::function<void()> appended_;
  std::atomic<uint64_t> backlog_ = 0;

  absl::Mutex mu_;
  std::deque<std::shared_ptr<Slot>> slots_ ABSL_GUARDED_BY(mu_);  // in order of submission
  uint64_t events_inside_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t bytes_inside_ ABSL_GUARDED_BY(mu_) = 0;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;

  std::unique_ptr<WorkerPool> sensing_;
  std::thread writer_;
};

// The limits that the configuration sets for events.
EventLimits EventLimitsOf(const Config& config);
SenseLimits SenseLimitsOf(const Config& config);

// Payload bytes of an event, as the queue counts them.
size_t PayloadBytes(const Event& event);

}  // namespace mixmatch
