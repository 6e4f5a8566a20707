// Field by field, in the order of the protos.
#include "server/convert_learning.h"

#include <vector>

#include "server/convert.h"
#include "server/convert_admin.h"

namespace mixmatch {
namespace {

v1::PairLoss ToProto(const PairLoss& pair) {
  v1::PairLoss out;
  out.set_pair(pair.pair);
  out.set_loss(pair.loss);
  out.set_positive_count(pair.positives);
  return out;
}

}  // namespace

v1::LearningHistoryRow ToProto(const HistoryRow& row) {
  v1::LearningHistoryRow out;
  out.set_steps_total(row.steps_total);
  *out.mutable_end_time() = ToProto(row.end);
  out.set_steps_stream(row.steps_new);
  out.set_steps_consolidation(row.steps_replay);
  out.set_loss(row.loss);
  for (const PairLoss& pair : row.pairs) *out.add_pairs() = ToProto(pair);
  *out.mutable_step_time() = ToProto(row.step_time);
  *out.mutable_wall_time() = ToProto(row.wall_time);
  return out;
}

v1::Judgement ToProto(const Judgement& judgement) {
  v1::Judgement out;
  out.set_number(judgement.number);
  out.set_state(ToProto(judgement.state));
  out.set_steps(judgement.steps);
  *out.mutable_create_time() = ToProto(judgement.create_time);
  for (const PeriodScore& period : judgement.periods) *out.add_periods() = ToProto(period);
  out.set_average_score(judgement.average_score);
  return out;
}

v1::ContinualMeasures ToProto(const ContinualMeasures& measures) {
  v1::ContinualMeasures out;
  if (measures.average_accuracy) out.set_average_accuracy(*measures.average_accuracy);
  if (measures.forgetting) out.set_forgetting(*measures.forgetting);
  if (measures.backward_transfer) out.set_backward_transfer(*measures.backward_transfer);
  return out;
}

v1::GetLearningReportResponse ReportToProto(const LearningSnapshot& learning,
                                            const TrainingHistory& history, double time_share,
                                            std::span<const GenerationRecord> records) {
  v1::GetLearningReportResponse out;
  out.set_steps_total(learning.progress.steps_total);
  out.set_steps_stream(learning.progress.steps_stream);
  out.set_steps_consolidation(learning.progress.steps_consolidation);
  out.set_steps_per_s(learning.steps_per_s);
  out.set_learning_time_share(time_share);
  *out.mutable_step_time() = ToProto(history.step_time());
  *out.mutable_wall_time() = ToProto(history.wall_time());
  const std::vector<HistoryRow> rows = history.rows();
  for (const HistoryRow& row : rows) *out.add_rows() = ToProto(row);
  const HistoryRow recent = history.Recent();
  if (recent.steps() > 0) *out.mutable_recent() = ToProto(recent);
  const std::vector<Judgement> judgements = JudgementsOf(records);
  for (const Judgement& judgement : judgements) *out.add_judgements() = ToProto(judgement);
  *out.mutable_measures() = ToProto(Measure(judgements));
  return out;
}

v1::LearningSummary SummaryToProto(const HistoryRow& recent, double time_share,
                                   std::span<const GenerationRecord> records) {
  v1::LearningSummary out;
  for (const PairLoss& pair : recent.pairs) *out.add_pairs() = ToProto(pair);
  *out.mutable_measures() = ToProto(Measure(JudgementsOf(records)));
  out.set_learning_time_share(time_share);
  return out;
}

}  // namespace mixmatch
