// The thread that owns the learner: it makes the optimiser steps, consolidates, checkpoints, judges
// and publishes. The lowest priority in the process: ingest and recall never wait for it.
//
// Takes closed episodes through the learner's source; gives candidates to core/generations; takes
// commands from the admin service. One chunk of publishing and one step of learning alternate, so
// neither stops the other.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/stoppable_sleep.h"
#include "core/generations/generations.h"
#include "core/learning/learner.h"
#include "server/config.h"
#include "server/learner_keeper.h"
#include "server/publish_desk.h"
#include "server/watermarks.h"
#include "storage/database.h"
#include "storage/episode_table.h"
#include "storage/generation_table.h"

namespace mixmatch {

enum class LearningState { kIdle, kLearning, kConsolidating, kPaused, kPublishing };

// What the status shows.
struct LearningSnapshot {
  LearningState state = LearningState::kIdle;
  LearnerProgress progress;
  uint64_t waiting = 0;
  uint64_t parameter_count = 0;
  std::string device;
  double loss = 0;         // mean of the last steps (up to 50)
  double steps_per_s = 0;  // over the last steps (up to 50), pauses left out
  absl::Status health;     // the last error; OK when the last step went well
};

struct ConsolidationProgress {
  uint64_t steps_done = 0;
  uint64_t steps_asked = 0;  // 0 when a time was given
  double loss = 0;
  double steps_per_s = 0;
  absl::Duration elapsed;
  bool done = false;
};

// A consolidation that was asked for. Callbacks run on the loop's thread and must be quick.
struct Consolidation {
  uint64_t steps = 0;   // this many, or
  absl::Duration time;  // as many as fit
  std::function<void(const ConsolidationProgress&)> report;
  std::function<void(const absl::Status&)> done;  // exactly once, at the end
  std::shared_ptr<std::atomic<bool>> cancelled = std::make_shared<std::atomic<bool>>(false);
};

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class LearningLoop {
 public:
  struct Parts {
    Database* database = nullptr;
    EpisodeTable* episodes = nullptr;
    GenerationTable* store = nullptr;
    Generations* generations = nullptr;
    Watermarks* watermarks = nullptr;
    const PerceptSource* log = nullptr;
    const Clock* clock = nullptr;
    SkillScores skill_scores;  // may be empty: then skills do not count at the gate
  };

  LearningLoop(const Config& config, const ModelConfig& model, const Parts& parts);
  ~LearningLoop();

  // Restores the learner from its checkpoint, or makes one, and starts the thread. Where binding
  // began anew and has not come to what the learner took, the thread restores it once it has;
  // commands wait until then.
  absl::Status Start();
  // Ends after the step in progress, with a checkpoint; answers every command that is left.
  void Stop();
  // Tells that episodes may have closed. Cheap.
  void Wake();
  // Tells that somebody recalls: idle consolidation rests. Cheap.
  void NoteRecall();

  // Kept over a restart.
  absl::Status SetPaused(bool paused);

  void Consolidate(Consolidation consolidation);
  // Publishes what was learned, or follows the publish under way.
  void Publish(PublishFollower follower);
  // Blocks until the roll-back is done.
  absl::Status Rollback();

  LearningSnapshot snapshot() const;
  // How training went.
  const HistoryKeeper& history() const { return keeper_.history(); }

 private:
  struct Running {  // the consolidation at work
    Consolidation what;
    ConsolidationProgress progress;
    absl::Time start;
    absl::Time last_report;
  };

  void Run();
  // Restores the learner, as LearnerKeeper::Open does, and shows it.
  absl::Status OpenLearner(bool all_bound);
  // Waits until there is a learner. False where the loop is to end before.
  bool AwaitLearner();
  void RunCommands();
  // One unit of work; false when there was nothing to do.
  bool Work();
  bool PublishOnce();
  bool LearnOnce(bool flush);
  bool ConsolidateOnce();
  bool ConsolidateIdle();
  absl::Status DoRollback();
  // Tells the others that the learner is another one.
  absl::Status AfterRestart();
  Learner& learner() { return keeper_.learner(); }
  absl::Time LastRecall() const;
  bool Note(const absl::StatusOr<StepResult>& step, bool replay, absl::Duration took);
  void EndConsolidation(const absl::Status& status);
  void UpdateSnapshot();

  const Config config_;
  const Parts parts_;
  LearnerKeeper keeper_;  // its history is safe for concurrent use

  // Only the thread touches these once it runs.
  Seq bind_to_ = 0;  // the log's end at the start: binding that is behind it has not caught up
  std::optional<Running> running_;
  PublishDesk publishing_;
  uint64_t seen_closed_ = 0;
  absl::Time last_closed_;  // this and what follows by SteadyNow()
  Seq seen_seq_ = 0;
  absl::Time last_event_;
  absl::Time rest_until_;     // no steps before, after an error or between idle steps
  absl::Time publish_again_;  // no publishing before, after an error
  LearningState state_ = LearningState::kIdle;

  std::atomic<int64_t> last_recall_ns_{0};
  mutable absl::Mutex mu_;
  std::deque<std::function<void()>> commands_ ABSL_GUARDED_BY(mu_);
  std::deque<Consolidation> consolidations_ ABSL_GUARDED_BY(mu_);
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status health_ ABSL_GUARDED_BY(mu_);
  LearningSnapshot snapshot_ ABSL_GUARDED_BY(mu_);
  StoppableSleep pause_;
  StoppableSleep rest_;              // that no news ends
  std::atomic<pid_t> thread_id_{0};  // while it runs
  std::thread thread_;
};

}  // namespace mixmatch
