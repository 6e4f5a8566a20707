// The history of training: how the loss went over the steps, the coarser the more of them there
// are.
//
// Takes what every step came to, and its times, from whoever makes the steps; gives rows to
// reports, and itself as bytes to be stored. Apart from the learner and its checkpoint, so that no
// clock can change a weight. Deliberately keeps nothing of single steps or episodes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/learning/trainer.h"

namespace mixmatch {

// Some steps that followed one another.
struct HistoryRow {
  uint64_t steps_total = 0;     // of the learner, at its end
  absl::Time end;               // of its last step
  uint64_t steps_new = 0;       // with new episodes in them
  uint64_t steps_replay = 0;    // of replay alone
  uint64_t steps_scored = 0;    // of both, those that had something to learn from
  double loss = 0;              // mean over these
  std::vector<PairLoss> pairs;  // by name
  absl::Duration step_time;     // that went into its steps
  absl::Duration wall_time;     // from the row before, to its end

  uint64_t steps() const { return steps_new + steps_replay; }
  friend bool operator==(const HistoryRow&, const HistoryRow&) = default;
};

// One step, beside what it came to.
struct StepNote {
  uint64_t steps_total = 0;  // of the learner, after it
  bool replay = false;       // of replay alone
  absl::Time start;
  absl::Time end;
};

// Thread-safety: Not thread-safe: one owner thread.
// Invariants:
//   1. At most kRowsMax rows are closed, and each holds steps_per_row steps, but for rows beside
//      which steps were undone. When there would be more, neighbours become one.
//   2. At most kPairsMax pairs have names of their own; all others are counted as kOtherPairs.
//   3. Time counts from the first step on, and only between Resume and what comes after it.
class TrainingHistory {
 public:
  static constexpr size_t kRowsMax = 512;
  static constexpr uint64_t kStepsPerRow = 25;
  static constexpr size_t kPairsMax = 64;
  static constexpr uint64_t kRecentSteps = 100;
  static constexpr char kOtherPairs[] = "other pairs";

  // Takes in a step. Nothing happens when it did not count, so that steps_total is as before.
  void Add(const StepNote& note, const StepResult& result);

  // Says that the process runs (again): time until now is not counted.
  void Resume(absl::Time now);
  // Counts the time until now, though no step was made. Never goes backwards.
  void CountTime(absl::Time now);

  // Forgets rows that end after `steps_total`: those steps were undone. With 0, everything.
  void Undo(uint64_t steps_total);

  // Oldest first; the last one may be open still.
  std::vector<HistoryRow> rows() const;
  // The last rows as one: at least `steps` steps where there are so many. Without steps when there
  // are none.
  HistoryRow Recent(uint64_t steps = kRecentSteps) const;
  // Time that went into steps, and time since the first step. Undone steps' time stays counted.
  absl::Duration step_time() const { return step_time_; }
  absl::Duration wall_time() const { return wall_time_; }
  // The one by the other, with the time until now: 0 to 1; 0 before the first step.
  double TimeShare(absl::Time now) const;

  // A checksummed copy, in the format of core/encoder/weights_file.h.
  std::string Serialize() const;
  // DATA_LOSS when damaged, FAILED_PRECONDITION when of a newer format.
  static absl::StatusOr<TrainingHistory> Deserialize(std::string_view bytes);

 private:
  absl::Duration Uncounted(absl::Time now) const;
  std::string NameOf(const std::string& pair);
  void Close();

  std::vector<HistoryRow> rows_;  // closed
  HistoryRow open_;               // may hold time without steps
  uint64_t steps_per_row_ = kStepsPerRow;
  std::vector<std::string> names_;  // of pairs, in the order of appearing
  absl::Duration step_time_;
  absl::Duration wall_time_;
  absl::Time counted_until_ = absl::InfinitePast();  // infinite before Resume or a step
};

}  // namespace mixmatch
