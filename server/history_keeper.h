// Keeps the history of training: stores it beside the learner's checkpoint, shows it to reports.
//
// Takes steps from the learning loop; gives copies to the admin service. A record of its own, so
// that the learner's bytes depend on no clock; losing it loses figures, never learning.
#pragma once

#include <cstdint>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/generations/generation_store.h"
#include "core/learning/history.h"

namespace mixmatch {

// Over the last steps that had something to learn from (up to 50), pauses left out.
struct Pace {
  double loss = 0;  // mean
  double steps_per_s = 0;
};

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class HistoryKeeper {
 public:
  HistoryKeeper(GenerationStore* store, const Clock* clock) : store_(store), clock_(clock) {}

  // Takes up what is stored, as far as the learner's steps go. Where that is missing or cannot be
  // read, the history begins anew.
  void Load(uint64_t steps_total);
  // Stores it, with the time until now. An error is logged: the next time may do better.
  void Save();

  void Add(const StepNote& note, const StepResult& result);
  // After a roll-back to a learner of so many steps.
  void Undo(uint64_t steps_total);

  // A copy, with the time until now.
  TrainingHistory Get() const;
  Pace pace() const;
  // What the last steps came to, and the share of time that went into steps: cheap.
  HistoryRow Recent() const;
  double TimeShare() const;

 private:
  GenerationStore* const store_;
  const Clock* const clock_;
  mutable absl::Mutex mu_;
  TrainingHistory history_ ABSL_GUARDED_BY(mu_);
  std::deque<std::pair<double, absl::Duration>> recent_ ABSL_GUARDED_BY(mu_);  // loss and time
};

}  // namespace mixmatch
