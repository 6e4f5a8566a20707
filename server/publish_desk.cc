// Trigger → judge → begin → chunks → swap.
#include "server/publish_desk.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/generations/gate.h"

namespace mixmatch {
namespace {

// A refused candidate is not judged again before this much more was learned.
constexpr double kGrowthAfterRefusal = 1.1;
constexpr uint64_t kStepsBetweenPublishes = 100;
// A gain is looked for each time that this many times the steps were made.
constexpr double kGrowthOfChecks = 1.1;
constexpr uint64_t kRefusalsBeforeGoingBack = 3;

GenerationRecord ServingRecord(const Generations& generations) {
  const Generation number = generations.serving()->number;
  const std::vector<GenerationRecord> records = generations.records();
  const auto found = std::find_if(records.begin(), records.end(),
                                  [number](const auto& r) { return r.number == number; });
  return found == records.end() ? GenerationRecord() : *found;
}

}  // namespace

void PublishDesk::Ask(PublishFollower follower) {
  followers_.push_back(std::move(follower));
  if (trigger_.empty() && !generations_->progress()) trigger_ = "command";
}

absl::StatusOr<bool> PublishDesk::Work(const Learner& learner) {
  if (!generations_->progress()) {
    if (trigger_.empty()) trigger_ = AutomaticTrigger(learner);
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

std::string PublishDesk::AutomaticTrigger(const Learner& learner) {
  const LearnerProgress progress = learner.progress();
  if (!config_.generations.automatic || progress.trainable < config_.generations.publish_from) {
    return {};
  }
  const GenerationRecord serving = ServingRecord(*generations_);
  const bool growth = GrowthAsks(progress, serving);
  const bool age = AgeAsks(progress, serving);
  const bool gain = GainIsDue(progress, serving);
  if ((!growth && !age && !gain) || !WithinCost()) return {};
  return growth ? "growth" : age ? "age" : "gain";
}

bool PublishDesk::GrowthAsks(const LearnerProgress& progress,
                             const GenerationRecord& serving) const {
  const double growth = config_.generations.publish_on_growth;
  if (growth <= 0) return false;
  // Growth of what was seen, or of how long it was practised.
  const bool episodes_grew =
      static_cast<double>(progress.taken) >= growth * static_cast<double>(serving.taken) &&
      static_cast<double>(progress.taken) >=
          kGrowthAfterRefusal * static_cast<double>(refused_taken_) &&
      progress.taken > serving.taken;
  const bool steps_grew =
      static_cast<double>(progress.steps_total) >= growth * static_cast<double>(serving.steps) &&
      progress.steps_total >= serving.steps + kStepsBetweenPublishes &&
      progress.steps_total >= refused_steps_ + kStepsBetweenPublishes;
  return episodes_grew || steps_grew;
}

bool PublishDesk::AgeAsks(const LearnerProgress& progress, const GenerationRecord& serving) const {
  const absl::Duration age_max = config_.generations.publish_max_age;
  return age_max > absl::ZeroDuration() && clock_->Now() - serving.create_time >= age_max &&
         progress.steps_total > serving.steps &&
         progress.steps_total >= refused_steps_ + kStepsBetweenPublishes;
}

bool PublishDesk::GainIsDue(const LearnerProgress& progress,
                            const GenerationRecord& serving) const {
  const uint64_t last = std::max({serving.steps, checked_steps_, refused_steps_});
  return config_.generations.publish_on_gain > 0 &&
         progress.steps_total >= last + kStepsBetweenPublishes &&
         static_cast<double>(progress.steps_total) >= kGrowthOfChecks * static_cast<double>(last);
}

bool PublishDesk::WithinCost() const {
  const auto stored = static_cast<double>(generations_->serving()->embeddings->count());
  double embedded = stored;  // by the publish that is asked for
  for (const GenerationRecord& record : generations_->records()) {
    embedded += static_cast<double>(record.embedded);
  }
  return embedded <= config_.generations.reembed_max * stored;
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
  const auto serving = generations_->serving();
  const GateConfig gate{.probes_max = config_.generations.probes_judged};
  MM_ASSIGN_OR_RETURN(const Verdict verdict,
                      Judge(gate, *episodes_, learner.probes(), *candidate.encoder,
                            *serving->encoder, serving->taken));
  checked_steps_ = candidate.steps;
  if (trigger == "gain" && verdict.gain < config_.generations.publish_on_gain) {
    return absl::OkStatus();  // nothing was asked for, so nothing is refused
  }
  if (verdict.publish) return generations_->Begin(candidate, verdict);
  refused_taken_ = candidate.taken;
  refused_steps_ = candidate.steps;
  MM_ASSIGN_OR_RETURN(const GenerationRecord record, generations_->Refuse(candidate, verdict));
  spdlog::warn("candidate generation {} {}", record.number, record.reason);
  go_back_ = RefusalsInARow(generations_->records()) % kRefusalsBeforeGoingBack == 0;
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
