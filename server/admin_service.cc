// Reads what the parts report; hands commands to the learning loop.
#include "server/admin_service.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status.h"
#include "server/convert.h"
#include "server/convert_admin.h"
#include "server/convert_learning.h"
#include "server/progress_stream.h"
#include "server/unary.h"
#include "server/version.h"

namespace mixmatch {
namespace {

constexpr double kSlowGflops = 8;
constexpr size_t kRefusalsToWarn = 3;

}  // namespace

v1::Generation AdminService::Serving() const {
  const auto serving = parts_.generations->serving();
  for (const GenerationRecord& record : parts_.generations->records()) {
    if (record.number == serving->number) return ToProto(record, serving->embeddings->count());
  }
  return {};
}

v1::LearningStatus AdminService::LearningPart() const {
  const LearningSnapshot snapshot = parts_.learning->snapshot();
  v1::LearningStatus out;
  out.set_state(ToProto(snapshot.state));
  out.set_preset(config_.model.preset);
  out.set_parameter_count(snapshot.parameter_count);
  out.set_device(snapshot.device);
  out.set_steps_total(snapshot.progress.steps_total);
  out.set_steps_stream(snapshot.progress.steps_stream);
  out.set_steps_consolidation(snapshot.progress.steps_consolidation);
  out.set_loss(snapshot.loss);
  out.set_steps_per_s(snapshot.steps_per_s);
  out.set_episodes_waiting(snapshot.waiting);
  out.set_episodes_probe(parts_.episodes->probe_count());
  out.set_episodes_trainable(parts_.episodes->closed_count() - parts_.episodes->probe_count());
  return out;
}

void AdminService::AddWarnings(v1::GetStatusResponse& status) const {
  if (parts_.matmul_gflops < kSlowGflops) {
    status.add_warnings(absl::StrFormat(
        "matrix products run at %.1f GFLOP/s; install libopenblas0-openmp", parts_.matmul_gflops));
  }
  const absl::Status disk = parts_.disk->Check("nothing new is stored");
  if (!disk.ok()) status.add_warnings(std::string(disk.message()));
  const absl::Status database = parts_.database->health();
  if (!database.ok()) status.add_warnings(std::string(database.message()));
  if (!parts_.not_forgotten.empty()) {
    status.add_warnings(parts_.not_forgotten);
    status.set_not_forgotten(parts_.not_forgotten);
  }
  const absl::Status memory = parts_.memory->CheckStore("nothing new is stored");
  if (!memory.ok()) status.add_warnings(std::string(memory.message()));
  const absl::Status following = parts_.follower->health();
  if (!following.ok())
    status.add_warnings(absl::StrCat("following the log: ", following.ToString()));
  const absl::Status whole = parts_.catch_up->Check(
      ReachedNow(*parts_.generations->serving(), *parts_.episodes, *parts_.log));
  if (!whole.ok()) status.add_warnings(std::string(whole.message()));
  const absl::Status learning = parts_.learning->snapshot().health;
  if (!learning.ok()) status.add_warnings(absl::StrCat("learning: ", learning.ToString()));
  size_t refusals = 0;
  for (const GenerationRecord& record : parts_.generations->records()) {
    if (record.state != GenerationState::kRefused) break;
    ++refusals;
  }
  if (refusals >= kRefusalsToWarn) {
    status.add_warnings(
        absl::StrCat("the last ", refusals, " candidates were refused; see the generations"));
  }
}

v1::GetStatusResponse AdminService::Status() const {
  v1::GetStatusResponse out;
  out.set_version(kVersion);
  *out.mutable_start_time() = ToProto(parts_.start_time);
  *out.mutable_watermarks() = ToProto(parts_.watermarks->Get());
  out.set_event_count(parts_.log->event_count());
  out.set_episode_count(parts_.episodes->episode_count());
  out.set_open_episode_count(parts_.episodes->open_count());
  for (const RegisteredModality& modality : parts_.log->Modalities()) {
    v1::ModalityStatus& added = *out.add_modalities();
    added.set_name(modality.spec.name);
    added.set_kind(std::string(PayloadKindName(modality.spec.kind)));
    added.set_dimension(modality.spec.dimension);
    added.set_percept_count(modality.percept_count);
  }
  *out.mutable_learning() = LearningPart();
  const HistoryKeeper& history = parts_.learning->history();
  *out.mutable_learning_summary() =
      SummaryToProto(history.Recent(), history.TimeShare(), parts_.generations->records());
  *out.mutable_serving() = Serving();
  if (const auto progress = parts_.generations->progress()) {
    *out.mutable_publishing() = ToProto(*progress, parts_.clock->Now());
  }
  out.set_resident_bytes(ResidentBytes().value_or(0));
  out.set_disk_bytes(parts_.database->DiskBytes());
  out.set_matmul_gflops(parts_.matmul_gflops);
  AddWarnings(out);
  return out;
}

grpc::ServerUnaryReactor* AdminService::GetStatus(grpc::CallbackServerContext* context,
                                                  const v1::GetStatusRequest* /*request*/,
                                                  v1::GetStatusResponse* response) {
  return RunUnary<v1::GetStatusResponse>(context, response, *parts_.pool,
                                         [this] { return Status(); });
}

grpc::ServerUnaryReactor* AdminService::PauseLearning(grpc::CallbackServerContext* context,
                                                      const v1::PauseLearningRequest* /*request*/,
                                                      v1::PauseLearningResponse* response) {
  return RunUnary<v1::PauseLearningResponse>(context, response, *parts_.pool,
                                             [this]() -> absl::StatusOr<v1::PauseLearningResponse> {
                                               MM_RETURN_IF_ERROR(parts_.learning->SetPaused(true));
                                               return v1::PauseLearningResponse();
                                             });
}

grpc::ServerUnaryReactor* AdminService::ResumeLearning(grpc::CallbackServerContext* context,
                                                       const v1::ResumeLearningRequest* /*request*/,
                                                       v1::ResumeLearningResponse* response) {
  return RunUnary<v1::ResumeLearningResponse>(
      context, response, *parts_.pool, [this]() -> absl::StatusOr<v1::ResumeLearningResponse> {
        MM_RETURN_IF_ERROR(parts_.learning->SetPaused(false));
        return v1::ResumeLearningResponse();
      });
}

grpc::ServerWriteReactor<v1::ConsolidateResponse>* AdminService::Consolidate(
    grpc::CallbackServerContext* /*context*/, const v1::ConsolidateRequest* request) {
  absl::StatusOr<Consolidation> consolidation = FromProto(*request);
  const auto cancelled =
      consolidation.ok() ? consolidation->cancelled : std::make_shared<std::atomic<bool>>(false);
  const auto stream =
      ProgressStream<v1::ConsolidateResponse>::Create([cancelled] { cancelled->store(true); });
  if (!consolidation.ok()) {
    stream->End(consolidation.status());
    return stream.get();
  }
  consolidation->report = [stream](const ConsolidationProgress& progress) {
    stream->Push(ToProto(progress));
  };
  consolidation->done = [stream](const absl::Status& status) { stream->End(status); };
  parts_.learning->Consolidate(*std::move(consolidation));
  return stream.get();
}

grpc::ServerUnaryReactor* AdminService::ListGenerations(
    grpc::CallbackServerContext* context, const v1::ListGenerationsRequest* /*request*/,
    v1::ListGenerationsResponse* response) {
  return RunUnary<v1::ListGenerationsResponse>(context, response, *parts_.pool, [this] {
    v1::ListGenerationsResponse out;
    for (const GenerationRecord& record : parts_.generations->records()) {
      *out.add_generations() = ToProto(record, parts_.generations->embedding_count(record.number));
    }
    return out;
  });
}

grpc::ServerWriteReactor<v1::PublishGenerationResponse>* AdminService::PublishGeneration(
    grpc::CallbackServerContext* /*context*/, const v1::PublishGenerationRequest* /*request*/) {
  const auto stream = ProgressStream<v1::PublishGenerationResponse>::Create();
  PublishFollower follower;
  follower.report = [this, stream](const PublishNews& news) {
    v1::PublishGenerationResponse out;
    if (news.progress) out = ToProto(*news.progress, parts_.clock->Now());
    if (news.phase == PublishNews::Phase::kJudging) {
      out.set_phase(v1::PublishGenerationResponse::JUDGING);
    } else if (news.record) {
      const bool published = news.phase == PublishNews::Phase::kPublished;
      out.set_phase(published ? v1::PublishGenerationResponse::PUBLISHED
                              : v1::PublishGenerationResponse::REFUSED);
      const uint64_t count = parts_.generations->embedding_count(news.record->number);
      out.set_done_count(count);
      out.set_total_count(count);
      *out.mutable_elapsed() = ToProto(news.record->publish_time);
      *out.mutable_generation() = ToProto(*news.record, count);
    }
    stream->Push(std::move(out));
  };
  follower.done = [stream](const absl::Status& status) { stream->End(status); };
  parts_.learning->Publish(std::move(follower));
  return stream.get();
}

grpc::ServerUnaryReactor* AdminService::RollbackGeneration(
    grpc::CallbackServerContext* context, const v1::RollbackGenerationRequest* /*request*/,
    v1::RollbackGenerationResponse* response) {
  return RunUnary<v1::RollbackGenerationResponse>(
      context, response, *parts_.pool, [this]() -> absl::StatusOr<v1::RollbackGenerationResponse> {
        MM_RETURN_IF_ERROR(parts_.learning->Rollback());
        v1::RollbackGenerationResponse out;
        *out.mutable_serving() = Serving();
        return out;
      });
}

grpc::ServerUnaryReactor* AdminService::GetLearningReport(
    grpc::CallbackServerContext* context, const v1::GetLearningReportRequest* /*request*/,
    v1::GetLearningReportResponse* response) {
  return RunUnary<v1::GetLearningReportResponse>(context, response, *parts_.pool, [this] {
    const HistoryKeeper& keeper = parts_.learning->history();
    return ReportToProto(parts_.learning->snapshot(), keeper.Get(), keeper.TimeShare(),
                         parts_.generations->records());
  });
}

grpc::ServerUnaryReactor* AdminService::Forget(grpc::CallbackServerContext* context,
                                               const v1::ForgetRequest* request,
                                               v1::ForgetResponse* response) {
  return RunUnary<v1::ForgetResponse>(context, response, *parts_.pool,
                                      [this, request] { return parts_.forget->Forget(*request); });
}

}  // namespace mixmatch
