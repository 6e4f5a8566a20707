// The watermarks: up to which sequence everything is durable, recallable, learned; and who wants to
// hear when they move.
//
// Takes what the follower and the learning loop report; gives one consistent picture to answers.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/ids.h"
#include "core/generations/generations.h"
#include "core/learning/training_source.h"

namespace mixmatch {

struct WatermarkValues {
  Seq durable = 0;
  Seq recallable = 0;
  Seq learned = 0;
  Seq served_learned = 0;
  Generation generation = 0;

  friend bool operator==(const WatermarkValues&, const WatermarkValues&) = default;
};

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class Watermarks {
 public:
  Watermarks(const PerceptSource* log, const TrainingSource* episodes,
             const Generations* generations)
      : log_(log), episodes_(episodes), generations_(generations) {}

  // What binding has read: entries below `next_seq`; the oldest episode still open.
  void SetBound(Seq next_seq, std::optional<EpisodeId> oldest_open);
  // Closed episodes with ordinals below `taken` are learned (or probes). May fall (a roll-back).
  absl::Status SetTaken(uint64_t taken);

  WatermarkValues Get() const;

  // Calls `listener` after each Publish() that finds a change, on the publishing thread. Listeners
  // must be quick, and must not call back in here. Returns a handle for Unsubscribe, after which
  // the listener is not running and will not run again.
  uint64_t Subscribe(std::function<void(const WatermarkValues&)> listener);
  void Unsubscribe(uint64_t handle);
  void Publish();
  // Calls every listener, changed or not.
  void Nudge();

 private:
  struct Waiting {
    uint64_t ordinal = 0;
    EpisodeId id = 0;
  };

  // Closed episodes from an ordinal on. Reads from the database, at whatever priority the caller
  // has: not under mu_, for which every answer waits.
  absl::StatusOr<std::vector<ClosedEpisode>> ReadClosed(uint64_t first) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(changing_mu_);
  void Wait(const std::vector<ClosedEpisode>& closed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const PerceptSource* const log_;
  const TrainingSource* const episodes_;
  const Generations* const generations_;

  absl::Mutex changing_mu_;  // one at a time reads what closed and takes it in
  mutable absl::Mutex mu_ ABSL_ACQUIRED_AFTER(changing_mu_);
  Seq bound_next_ ABSL_GUARDED_BY(mu_) = 1;
  std::optional<EpisodeId> oldest_open_ ABSL_GUARDED_BY(mu_);
  // Episodes with ordinals from taken_ to below closed_ are closed and not yet taken. Of these,
  // those that no older one closed after, in the order of their ordinals: the oldest is the first.
  uint64_t taken_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t closed_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<Waiting> oldest_ ABSL_GUARDED_BY(mu_);

  absl::Mutex listeners_mu_;
  std::map<uint64_t, std::function<void(const WatermarkValues&)>> listeners_
      ABSL_GUARDED_BY(listeners_mu_);
  uint64_t next_handle_ ABSL_GUARDED_BY(listeners_mu_) = 1;
  std::optional<WatermarkValues> published_ ABSL_GUARDED_BY(listeners_mu_);
};

}  // namespace mixmatch
