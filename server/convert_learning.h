// Between the API's messages and core's types, for the report on learning. See convert.h.
#pragma once

#include <span>

#include "core/generations/continual.h"
#include "core/learning/history.h"
#include "mixmatch/v1/admin.pb.h"
#include "server/learning_loop.h"

namespace mixmatch {

v1::LearningHistoryRow ToProto(const HistoryRow& row);
v1::Judgement ToProto(const Judgement& judgement);
v1::ContinualMeasures ToProto(const ContinualMeasures& measures);

// The whole report, and the few figures of it that the status shows.
v1::GetLearningReportResponse ReportToProto(const LearningSnapshot& learning,
                                            const TrainingHistory& history, double time_share,
                                            std::span<const GenerationRecord> records);
v1::LearningSummary SummaryToProto(const HistoryRow& recent, double time_share,
                                   std::span<const GenerationRecord> records);

}  // namespace mixmatch
