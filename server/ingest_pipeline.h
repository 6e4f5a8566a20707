// Events on their way to disk: validated, sensed in parallel, written in groups, answered in order.
//
// Takes events from every stream; gives them to the event log, many at once in one synced write
// (group commit), and tells each caller what became of its event. Callers take turns, so that one
// who sends much does not keep others waiting; the events of each are answered in the order in
// which it submitted them, which is also the order of their sequence numbers.
//
// Invariants:
//   1. A callback says "stored" only after the sync.
//   2. Every submitted event is answered exactly once, also when the pipeline ends.
//   3. At most `limits.queue_events` events with `limits.queue_bytes` of payload are inside; once
//      half of either is, no caller has more than its share, but for one event of who has nothing
//      inside. More are RESOURCE_EXHAUSTED.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/base/validate.h"
#include "core/media/sense.h"
#include "server/busy_share.h"
#include "server/caller.h"
#include "server/config.h"
#include "server/disk_guard.h"
#include "server/following_rate.h"
#include "server/memory_guard.h"
#include "server/queue_patience.h"
#include "server/rate_limiter.h"
#include "server/serving_time.h"
#include "server/waiting_events.h"
#include "server/worker_pool.h"
#include "server/writer_pace.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows log, guards and clock, which must outlive it.
class IngestPipeline {
 public:
  using Done = std::function<void(const AppendResult&)>;
  using CallDone = std::function<void(size_t index, const AppendResult&)>;

  struct Parts {
    EventLog* log = nullptr;
    const DiskGuard* disk = nullptr;
    const MemoryGuard* memory = nullptr;
    const Clock* clock = nullptr;
  };

  // `appended` runs on the writer's thread after each group that reached the log.
  IngestPipeline(const Config& config, const Parts& parts, std::function<void()> appended);
  // Ends after everything inside is written and answered.
  ~IngestPipeline();

  // Takes an event of a stream, which is held back by not being read; `done` runs on the writer's
  // thread, never inside this call. Does not block on disk or decoding.
  void Submit(const Caller& caller, Event event, Done done);
  // The same for the events of a call, in one write where they are small; `done` runs once for
  // each. Someone waits for these alone: each is refused rather than kept waiting for longer than
  // `limits.call_wait`.
  void SubmitCall(const Caller& caller, std::vector<Event> events, CallDone done);

  // Whether `events` of a caller who waits for them may come in, where more come than can be stored
  // or followed; else RESOURCE_EXHAUSTED. To be asked before they are submitted: refused here they
  // cost next to nothing, and the writer has its time for the others. A burst comes in whole; where
  // it goes on, so that the writer is busy and calls are inside all the while, a lane that has some
  // inside gets no more of them than a few, or what a few writes take. Where too many come, as many
  // events of calls are inside as are stored soon, and none more while following is behind; beside
  // them who has nothing inside and had no turn for a fifth of `limits.call_wait` may come in,
  // whatever others send. Everybody is refused only where following is behind by
  // `limits.queue_events` more than holds streams back.
  absl::Status CheckTurn(const Caller& caller, uint64_t events);

  // Writes that a scene fell silent, after everything submitted before.
  void SubmitIdleClose(std::string scene);

  // How far following the log has come, and whether it goes on; where it does not for two seconds,
  // what comes is stored all the same. Of events that are durable and not recallable there may be
  // fewer than `limits.backlog_soft_events` where it does, and fewer than `limits.backlog_events`
  // from the start, or from where it did not go on, until it has caught up. Calls have their turns
  // alone (CheckTurn) from what is followed in two seconds on, or 8,192: what is acknowledged by
  // one is recallable soon, and no more is stored under too many calls than can be kept up with.
  // For one thread.
  void SetFollowed(Seq recallable, bool goes_on);
  // Whether streams are held back until following has come further.
  bool HoldsBack() const;

 private:
  struct Load {
    uint64_t events = 0;
    uint64_t bytes = 0;
  };
  struct Slot {
    PendingEvent pending;
    Done done;
    uint64_t lane = 0;
    size_t bytes = 0;
    bool urgent = false;
    absl::Time since;        // when it was submitted, by SteadyNow()
    bool sensed = false;     // under mu_
    absl::Status error;      // set before sensed
    uint64_t number = 0;     // of its submission
    std::string idle_scene;  // an idle record instead of an event
    bool is_idle_record = false;
  };

  // Events that are durable and not recallable.
  uint64_t Backlog() const;
  // So many stored events become recallable soon.
  uint64_t FollowedSoon() const;
  absl::Status Admit(const Caller& caller, Event& event, size_t bytes, bool urgent);
  absl::Status TakeRoom(uint64_t lane, size_t bytes, bool urgent);
  // Whether a lane has nothing inside and had no turn for a while.
  bool IsDue(uint64_t lane, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Sense(PendingEvent& pending) const;
  // Admitted and, where that is fast, sensed.
  std::shared_ptr<Slot> MakeSlot(const Caller& caller, bool urgent, Event event, Done done);
  void Push(uint64_t lane, std::span<const std::shared_ptr<Slot>> slots);
  // How long an event of a call may have waited when it is let in.
  absl::Duration Patience(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // How long the writer's work for calls that are inside may be.
  absl::Duration Room(bool too_much, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void FeedIdle() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Lets in what is next in turn, as far ahead of the writer as it needs.
  void Feed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // As WriterPace has it, before it is known, too.
  uint64_t EventsWithin(absl::Duration time) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Write();
  std::vector<std::shared_ptr<Slot>> NextGroup();
  // Writes a group's events and answers them.
  void Commit(const std::vector<std::shared_ptr<Slot>>& group);
  // Writes a group's idle records, which nobody waits for.
  void CommitIdle(const std::vector<std::shared_ptr<Slot>>& group);

  const Config config_;
  const EventLimits event_limits_;
  const SenseLimits sense_limits_;
  const Parts parts_;
  const std::function<void()> appended_;
  RateLimiter rates_;
  std::atomic<Seq> recallable_ = UINT64_MAX;   // nothing is known yet
  std::atomic<bool> follows_ = false;          // and has caught up
  std::atomic<bool> follows_closely_ = false;  // and is not far behind since
  FollowingRate rate_;
  absl::Time went_on_ = absl::InfinitePast();  // following, last

  absl::Mutex mu_;
  WaitingEvents<std::shared_ptr<Slot>> waiting_ ABSL_GUARDED_BY(mu_);
  uint64_t last_number_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<uint64_t> waiting_numbers_ ABSL_GUARDED_BY(mu_);
  // Idle records, each until everything is let in that was submitted before it.
  std::deque<std::shared_ptr<Slot>> idle_ ABSL_GUARDED_BY(mu_);
  std::deque<std::shared_ptr<Slot>> slots_ ABSL_GUARDED_BY(mu_);  // let in: the order of the log
  QueuePatience patience_ ABSL_GUARDED_BY(mu_);
  ServingTime calls_serving_ ABSL_GUARDED_BY(mu_);  // since no call was inside
  uint64_t let_in_bytes_ ABSL_GUARDED_BY(mu_) = 0;  // of slots_
  WriterPace pace_ ABSL_GUARDED_BY(mu_);
  BusyShare busy_ ABSL_GUARDED_BY(mu_);  // the writer
  uint64_t events_inside_ ABSL_GUARDED_BY(mu_) = 0;
  std::unordered_map<uint64_t, Load> inside_ ABSL_GUARDED_BY(mu_);  // of them, by lane
  uint64_t bytes_inside_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t call_events_ ABSL_GUARDED_BY(mu_) = 0;  // of events_inside_, those of calls
  // When a call of a lane came in last, while more come than can be stored or followed.
  std::unordered_map<uint64_t, absl::Time> turns_ ABSL_GUARDED_BY(mu_);
  absl::Time behind_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();  // last: see FollowedSoon
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
