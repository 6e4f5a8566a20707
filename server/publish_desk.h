// Where publishes are asked for, judged, moved on and reported: the learning loop's part that deals
// with generations.
//
// Takes the learner's weights and the gate's verdict; drives core/generations chunk by chunk; tells
// whoever follows. Deliberately makes no steps and owns no thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/generations/generations.h"
#include "core/learning/learner.h"
#include "server/config.h"
#include "server/watermarks.h"

namespace mixmatch {

// One piece of news of a publish.
struct PublishNews {
  enum class Phase { kJudging, kMoving, kPublished, kRefused };
  Phase phase = Phase::kJudging;
  std::optional<PublishProgress> progress;  // while moving
  std::optional<GenerationRecord> record;   // at the end
};

// Who follows a publish. Callbacks run on the loop's thread and must be quick.
struct PublishFollower {
  std::function<void(const PublishNews&)> report;
  std::function<void(const absl::Status&)> done;  // exactly once, at the end
};

// Scores of skills for a candidate's encoder and the serving one's.
using SkillScores =
    std::function<std::vector<GateScore>(const Encoder& candidate, const Encoder& serving)>;

// Thread-safety: Not thread-safe: one owner thread, the learning loop's. Borrows everything.
class PublishDesk {
 public:
  PublishDesk(const Config& config, Generations* generations, Watermarks* watermarks,
              const TrainingSource* episodes, const Clock* clock, SkillScores skill_scores)
      : config_(config),
        generations_(generations),
        watermarks_(watermarks),
        episodes_(episodes),
        clock_(clock),
        skill_scores_(std::move(skill_scores)) {}

  // Asks for a publish of what was learned, or follows the one under way.
  void Ask(PublishFollower follower);

  // Does one unit of work: judging, one chunk of embedding, or the swap. Asks by itself on growth
  // of what was learned, on gain over the probes, and when what serves is old, while re-embedding
  // stays within its cost. Returns false when there was nothing to do, or an error that ended the
  // publish.
  absl::StatusOr<bool> Work(const Learner& learner);

  // After the learner was restarted: what was refused before says nothing about it. (What an
  // operator rolled back does: it is not asked for again before the learner has gone beyond it.)
  void Reset() { refused_ = {}, checked_steps_ = 0; }
  // True once after every third refusal in a row: the learner should go back to what serves.
  bool TakeGoBack() { return std::exchange(go_back_, false); }
  // Answers whoever still follows.
  void End(const absl::Status& status);

 private:
  absl::Status JudgeAndBegin(const Learner& learner, const std::string& trigger);
  std::string AutomaticTrigger(const Learner& learner);
  // How far a candidate had come.
  struct Reach {
    uint64_t taken = 0;
    uint64_t steps = 0;
  };
  // What the next candidate must go beyond: the last refused, and what was rolled back.
  Reach TurnedDown(const GenerationRecord& serving) const;
  bool GrowthAsks(const LearnerProgress& progress, const GenerationRecord& serving) const;
  bool AgeAsks(const LearnerProgress& progress, const GenerationRecord& serving) const;
  bool GainIsDue(const LearnerProgress& progress, const GenerationRecord& serving) const;
  bool WithinCost() const;
  absl::StatusOr<Verdict> JudgeCandidate(const Learner& learner, const Candidate& candidate) const;
  void Tell(const PublishNews& news) const;
  void Finish(const PublishNews& news);

  const Config config_;
  Generations* const generations_;
  Watermarks* const watermarks_;
  const TrainingSource* const episodes_;
  const Clock* const clock_;
  const SkillScores skill_scores_;

  std::vector<PublishFollower> followers_;
  std::string trigger_;         // not empty: judge next
  Reach refused_;               // the last refused candidate
  uint64_t checked_steps_ = 0;  // when a gain was looked for last
  bool go_back_ = false;
};

}  // namespace mixmatch
