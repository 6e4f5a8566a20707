// Field by field, in the order of records.proto.
#include "storage/codec/generation_codec.h"

#include "absl/strings/str_cat.h"
#include "storage/codec/event_codec.h"

namespace mixmatch::codec {

void EncodeGeneration(const GenerationRecord& generation,
                      storage::v1::GenerationRecordValue& record) {
  record.set_state(static_cast<uint32_t>(generation.state));
  record.set_create_time_ns(ToNanos(generation.create_time));
  record.set_trigger(generation.trigger);
  record.set_reason(generation.reason);
  record.set_steps(generation.steps);
  record.set_taken(generation.taken);
  record.set_learned(generation.learned);
  for (const GateScore& score : generation.scores) {
    storage::v1::GateScoreRecord& entry = *record.add_scores();
    entry.set_measure(score.measure);
    entry.set_candidate(score.candidate);
    entry.set_serving(score.serving);
    entry.set_probe_count(score.probe_count);
    entry.set_standard_error(score.standard_error);
    entry.set_tolerance(score.tolerance);
  }
  record.set_publish_time_ns(absl::ToInt64Nanoseconds(generation.publish_time));
  record.set_embedded(generation.embedded);
  record.set_weights_hash(generation.weights_hash);
  for (const PeriodScore& period : generation.periods) {
    storage::v1::PeriodScoreRecord& entry = *record.add_periods();
    entry.set_first_ordinal(period.first_ordinal);
    entry.set_last_ordinal(period.last_ordinal);
    entry.set_score(period.score);
    entry.set_probe_count(period.probe_count);
  }
  for (const PartnerDistance& distance : generation.partner_distances) {
    storage::v1::PartnerDistanceRecord& entry = *record.add_partner_distances();
    entry.set_from(distance.from);
    entry.set_to(distance.to);
    entry.set_mean(distance.mean);
    entry.set_probe_count(distance.probe_count);
  }
}

absl::Status DecodeGeneration(Generation number, const storage::v1::GenerationRecordValue& record,
                              GenerationRecord& generation) {
  if (record.state() < static_cast<uint32_t>(GenerationState::kServing) ||
      record.state() > static_cast<uint32_t>(GenerationState::kEmbedding)) {
    return absl::DataLossError(absl::StrCat("unknown state ", record.state()));
  }
  generation.number = number;
  generation.state = static_cast<GenerationState>(record.state());
  generation.create_time = FromNanos(record.create_time_ns());
  generation.trigger = record.trigger();
  generation.reason = record.reason();
  generation.steps = record.steps();
  generation.taken = record.taken();
  generation.learned = record.learned();
  for (const auto& entry : record.scores()) {
    generation.scores.push_back({.measure = entry.measure(),
                                 .candidate = entry.candidate(),
                                 .serving = entry.serving(),
                                 .probe_count = entry.probe_count(),
                                 .standard_error = entry.standard_error(),
                                 .tolerance = entry.tolerance()});
  }
  generation.publish_time = absl::Nanoseconds(record.publish_time_ns());
  generation.embedded = record.embedded();
  generation.weights_hash = record.weights_hash();
  for (const auto& entry : record.periods()) {
    generation.periods.push_back({.first_ordinal = entry.first_ordinal(),
                                  .last_ordinal = entry.last_ordinal(),
                                  .score = entry.score(),
                                  .probe_count = entry.probe_count()});
  }
  for (const auto& entry : record.partner_distances()) {
    generation.partner_distances.push_back({.from = entry.from(),
                                            .to = entry.to(),
                                            .mean = entry.mean(),
                                            .probe_count = entry.probe_count()});
  }
  return absl::OkStatus();
}

}  // namespace mixmatch::codec
