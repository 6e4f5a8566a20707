// Between the API's messages and core's types, for learning and generations. See convert.h.
#pragma once

#include "absl/status/statusor.h"
#include "core/generations/generations.h"
#include "mixmatch/v1/admin.pb.h"
#include "server/learning_loop.h"

namespace mixmatch {

v1::PeriodScore ToProto(const PeriodScore& period);
v1::Generation ToProto(const GenerationRecord& record, uint64_t embedding_count);
v1::Generation::State ToProto(GenerationState state);
v1::PublishGenerationResponse ToProto(const PublishProgress& progress, absl::Time now);
v1::LearningStatus::State ToProto(LearningState state);
v1::ConsolidateResponse ToProto(const ConsolidationProgress& progress);

// INVALID_ARGUMENT for an amount outside its range. Without callbacks.
absl::StatusOr<Consolidation> FromProto(const v1::ConsolidateRequest& request);

}  // namespace mixmatch
