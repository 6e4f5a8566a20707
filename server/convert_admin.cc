// Field by field, in the order of the protos.
#include "server/convert_admin.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert.h"

namespace mixmatch {
namespace {

constexpr uint64_t kConsolidateStepsDefault = 300;
constexpr uint64_t kConsolidateStepsMax = 1'000'000;

}  // namespace

v1::Generation::State ToProto(GenerationState state) {
  switch (state) {
    case GenerationState::kServing:
      return v1::Generation::SERVING;
    case GenerationState::kKept:
      return v1::Generation::KEPT;
    case GenerationState::kRetired:
      return v1::Generation::RETIRED;
    case GenerationState::kRefused:
      return v1::Generation::REFUSED;
    case GenerationState::kEmbedding:
      return v1::Generation::EMBEDDING;
  }
  return v1::Generation::STATE_UNSPECIFIED;
}

v1::PeriodScore ToProto(const PeriodScore& period) {
  v1::PeriodScore out;
  out.set_first_ordinal(period.first_ordinal);
  out.set_last_ordinal(period.last_ordinal);
  out.set_score(period.score);
  out.set_probe_count(period.probe_count);
  return out;
}

v1::Generation ToProto(const GenerationRecord& record, uint64_t embedding_count) {
  v1::Generation out;
  out.set_number(record.number);
  out.set_state(ToProto(record.state));
  *out.mutable_create_time() = ToProto(record.create_time);
  out.set_trigger(record.trigger);
  out.set_reason(record.reason);
  out.set_steps(record.steps);
  out.set_learned(record.learned);
  for (const GateScore& score : record.scores) {
    v1::GateScore& added = *out.add_scores();
    added.set_measure(score.measure);
    added.set_candidate(score.candidate);
    added.set_serving(score.serving);
    added.set_probe_count(score.probe_count);
    added.set_standard_error(score.standard_error);
    added.set_tolerance(score.tolerance);
  }
  out.set_embedding_count(embedding_count);
  out.set_weights_hash(record.weights_hash);
  *out.mutable_publish_time() = ToProto(record.publish_time);
  for (const PeriodScore& period : record.periods) *out.add_periods() = ToProto(period);
  for (const PartnerDistance& distance : record.partner_distances) {
    v1::PartnerDistance& added = *out.add_partner_distances();
    added.set_from(distance.from);
    added.set_to(distance.to);
    added.set_mean(distance.mean);
    added.set_probe_count(distance.probe_count);
  }
  return out;
}

v1::PublishGenerationResponse ToProto(const PublishProgress& progress, absl::Time now) {
  v1::PublishGenerationResponse out;
  out.set_phase(progress.phase == PublishProgress::Phase::kSwapping
                    ? v1::PublishGenerationResponse::SWAPPING
                    : v1::PublishGenerationResponse::EMBEDDING);
  out.set_done_count(progress.done);
  out.set_total_count(progress.total);
  const absl::Duration elapsed = now - progress.start;
  *out.mutable_elapsed() = ToProto(elapsed);
  if (progress.done > 0 && progress.total >= progress.done) {
    const double left =
        static_cast<double>(progress.total - progress.done) / static_cast<double>(progress.done);
    *out.mutable_remaining() = ToProto(elapsed * left);
  }
  *out.mutable_generation() = ToProto(progress.record, progress.done);
  return out;
}

v1::LearningStatus::State ToProto(LearningState state) {
  switch (state) {
    case LearningState::kIdle:
      return v1::LearningStatus::IDLE;
    case LearningState::kLearning:
      return v1::LearningStatus::LEARNING;
    case LearningState::kConsolidating:
      return v1::LearningStatus::CONSOLIDATING;
    case LearningState::kPaused:
      return v1::LearningStatus::PAUSED;
    case LearningState::kPublishing:
      return v1::LearningStatus::PUBLISHING;
  }
  return v1::LearningStatus::STATE_UNSPECIFIED;
}

v1::ConsolidateResponse ToProto(const ConsolidationProgress& progress) {
  v1::ConsolidateResponse out;
  out.set_steps_done(progress.steps_done);
  out.set_steps_asked(progress.steps_asked);
  out.set_loss(progress.loss);
  out.set_steps_per_s(progress.steps_per_s);
  *out.mutable_elapsed() = ToProto(progress.elapsed);
  out.set_done(progress.done);
  return out;
}

absl::StatusOr<Consolidation> FromProto(const v1::ConsolidateRequest& request) {
  Consolidation consolidation;
  if (request.amount_case() == v1::ConsolidateRequest::kTime) {
    consolidation.time = FromProto(request.time());
    if (consolidation.time <= absl::ZeroDuration() || consolidation.time > absl::Hours(24)) {
      return InvalidField("time", "consolidation refused: not above 0 and up to a day; give such");
    }
    return consolidation;
  }
  consolidation.steps = request.amount_case() == v1::ConsolidateRequest::kSteps
                            ? request.steps()
                            : kConsolidateStepsDefault;
  if (consolidation.steps == 0 || consolidation.steps > kConsolidateStepsMax) {
    return InvalidField("steps", absl::StrCat("consolidation refused: ", consolidation.steps,
                                              " steps; ask for 1 to ", kConsolidateStepsMax));
  }
  return consolidation;
}

}  // namespace mixmatch
