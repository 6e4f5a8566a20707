// Trigger → judge → begin → chunks → swap.
#include "server/publish_desk.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "core/base/status.h"
#include "core/generations/gate.h"

namespace mixmatch {
namespace {

// A refused candidate is not judged again before this much more was learned.
constexpr double kGrowthAfterRefusal = 1.1;
constexpr uint64_t kStepsBetweenPublishes = 100;

}  // namespace

void PublishDesk::Ask(PublishFollower follower) {
  followers_.push_back(std::move(follower));
  if (trigger_.empty() && !generations_->progress()) trigger_ = "command";
}

absl::StatusOr<bool> PublishDesk::Work(const Learner& learner) {
  if (!generations_->progress()) {
    if (trigger_.empty() && GrowthAsks(learner)) trigger_ = "growth";
    if (trigger_.empty()) return false;
    const absl::Status begun = JudgeAndBegin(learner, std::exchange(trigger_, {}));
    if (!begun.ok()) End(begun);
    MM_RETURN_IF_ERROR(begun);
    return true;
  }
  const auto record = generations_->Advance();
  if (!record.ok()) End(record.status());
  MM_RETURN_IF_ERROR(record.status());
  if (*record) {
    watermarks_->Publish();
    spdlog::info("generation {} serves: {}", (*record)->number, (*record)->reason);
    Finish({.phase = PublishNews::Phase::kPublished, .record = **record});
  } else {
    Tell({.phase = PublishNews::Phase::kMoving, .progress = generations_->progress()});
  }
  return true;
}

bool PublishDesk::GrowthAsks(const Learner& learner) const {
  const double growth = config_.generations.publish_on_growth;
  const LearnerProgress progress = learner.progress();
  if (growth <= 0 || progress.trainable < config_.generations.publish_from) return false;
  const auto serving = generations_->serving();
  uint64_t serving_steps = 0;
  for (const GenerationRecord& record : generations_->records()) {
    if (record.number == serving->number) serving_steps = record.steps;
  }
  // Growth of what was seen, or of how long it was practised.
  const bool episodes_grew =
      static_cast<double>(progress.taken) >= growth * static_cast<double>(serving->taken) &&
      static_cast<double>(progress.taken) >=
          kGrowthAfterRefusal * static_cast<double>(refused_taken_) &&
      progress.taken > serving->taken;
  const bool steps_grew =
      static_cast<double>(progress.steps_total) >= growth * static_cast<double>(serving_steps) &&
      progress.steps_total >= serving_steps + kStepsBetweenPublishes &&
      progress.steps_total >= refused_steps_ + kStepsBetweenPublishes;
  return episodes_grew || steps_grew;
}

absl::Status PublishDesk::JudgeAndBegin(const Learner& learner, const std::string& trigger) {
  Tell({.phase = PublishNews::Phase::kJudging});
  const LearnerProgress progress = learner.progress();
  Candidate candidate{.learner_checkpoint = learner.Checkpoint(),
                      .steps = progress.steps_total,
                      .taken = progress.taken,
                      .learned = watermarks_->Get().learned,
                      .trigger = trigger};
  MM_ASSIGN_OR_RETURN(candidate.encoder, learner.trainer().Averaged());
  const auto loss = [&learner](const Encoder& encoder, std::span<const TrainingEpisode> probes) {
    return learner.trainer().ProbeLoss(encoder, probes);
  };
  MM_ASSIGN_OR_RETURN(
      const Verdict verdict,
      Judge(GateConfig(), *episodes_, loss, *candidate.encoder, *generations_->serving()->encoder));
  if (verdict.publish) return generations_->Begin(candidate, verdict);
  refused_taken_ = candidate.taken;
  refused_steps_ = candidate.steps;
  MM_ASSIGN_OR_RETURN(const GenerationRecord record, generations_->Refuse(candidate, verdict));
  spdlog::warn("candidate generation {} {}", record.number, record.reason);
  Finish({.phase = PublishNews::Phase::kRefused, .record = record});
  return absl::OkStatus();
}

void PublishDesk::Tell(const PublishNews& news) const {
  for (const PublishFollower& follower : followers_) follower.report(news);
}

void PublishDesk::Finish(const PublishNews& news) {
  Tell(news);
  End(absl::OkStatus());
}

void PublishDesk::End(const absl::Status& status) {
  for (const PublishFollower& follower : std::exchange(followers_, {})) follower.done(status);
}

}  // namespace mixmatch
