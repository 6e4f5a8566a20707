// Trigger → judge → begin → chunks → swap.
#include "server/publish_desk.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/generations/gate.h"

namespace mixmatch {
namespace {

// A candidate that was turned down is not judged again before this much more was learned.
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
  GenerationRecord serving = ServingRecord(*generations_);
  if (generations_->serving()->encoder->config().preset != config_.model.preset) {
    // A new architecture: its learner begins anew, and is not judged before it has caught up.
    if (progress.taken < serving.taken) return {};
    serving.steps = 0;
  }
  const bool growth = GrowthAsks(progress, serving);
  const bool age = AgeAsks(progress, serving);
  const bool gain = GainIsDue(progress, serving);
  if ((!growth && !age && !gain) || !WithinCost()) return {};
  return growth ? "growth" : age ? "age" : "gain";
}

PublishDesk::Reach PublishDesk::TurnedDown(const GenerationRecord& serving) const {
  Reach reach = refused_;
  for (const GenerationRecord& record : generations_->records()) {
    if (record.state != GenerationState::kKept || record.number < serving.number) continue;
    reach.taken = std::max(reach.taken, record.taken);
    reach.steps = std::max(reach.steps, record.steps);
  }
  return reach;
}

bool PublishDesk::GrowthAsks(const LearnerProgress& progress,
                             const GenerationRecord& serving) const {
  const double growth = config_.generations.publish_on_growth;
  if (growth <= 0) return false;
  const Reach turned_down = TurnedDown(serving);
  // Growth of what was seen, or of how long it was practised.
  const bool episodes_grew =
      static_cast<double>(progress.taken) >= growth * static_cast<double>(serving.taken) &&
      static_cast<double>(progress.taken) >=
          kGrowthAfterRefusal * static_cast<double>(turned_down.taken) &&
      progress.taken > serving.taken;
  const bool steps_grew =
      static_cast<double>(progress.steps_total) >= growth * static_cast<double>(serving.steps) &&
      progress.steps_total >= serving.steps + kStepsBetweenPublishes &&
      progress.steps_total >= turned_down.steps + kStepsBetweenPublishes;
  return episodes_grew || steps_grew;
}

bool PublishDesk::AgeAsks(const LearnerProgress& progress, const GenerationRecord& serving) const {
  const absl::Duration age_max = config_.generations.publish_max_age;
  // One of the future is of a clock that was wrong.
  const absl::Duration age = clock_->Now() - serving.create_time;
  return age_max > absl::ZeroDuration() && (age >= age_max || age < absl::ZeroDuration()) &&
         progress.steps_total > serving.steps &&
         progress.steps_total >= TurnedDown(serving).steps + kStepsBetweenPublishes;
}

bool PublishDesk::GainIsDue(const LearnerProgress& progress,
                            const GenerationRecord& serving) const {
  const uint64_t last = std::max({serving.steps, checked_steps_, TurnedDown(serving).steps});
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

absl::StatusOr<Verdict> PublishDesk::JudgeCandidate(const Learner& learner,
                                                    const Candidate& candidate) const {
  const auto serving = generations_->serving();
  const GateConfig gate{.probes_max = config_.generations.probes_judged};
  if (candidate.taken >= serving->taken) {
    return Judge(gate, *episodes_, learner.probes(), *candidate.encoder, *serving->encoder,
                 serving->taken);
  }
  // A learner that has not come as far as what serves (a new architecture) has few probes of its
  // own. It is held to all that the serving one is held to, which it was not trained on either.
  MM_ASSIGN_OR_RETURN(const HeldOut held_out,
                      HeldOut::Of(*episodes_, serving->taken, config_.generations.probes_max));
  return Judge(gate, *episodes_, held_out.probes(), *candidate.encoder, *serving->encoder,
               serving->taken);
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
  GenerationRecord serving = ServingRecord(*generations_);
  if (trigger == "command" &&
      StableHash64(candidate.encoder->Serialize(), 0) == serving.weights_hash) {
    // An equal one would only push out what is kept to go back to.
    serving.reason = "nothing was learned since; it goes on serving";
    Finish({.phase = PublishNews::Phase::kPublished, .record = serving});
    return absl::OkStatus();
  }
  MM_ASSIGN_OR_RETURN(Verdict verdict, JudgeCandidate(learner, candidate));
  if (skill_scores_) {
    CountSkills({}, skill_scores_(*candidate.encoder, *generations_->serving()->encoder), verdict);
  }
  checked_steps_ = candidate.steps;
  if (trigger == "gain" && verdict.gain < config_.generations.publish_on_gain) {
    return absl::OkStatus();  // nothing was asked for, so nothing is refused
  }
  if (verdict.publish) return generations_->Begin(candidate, verdict);
  refused_ = {.taken = candidate.taken, .steps = candidate.steps};
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
