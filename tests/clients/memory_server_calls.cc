// The small memory's unary calls and progress streams.
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/clients/memory_server.h"

namespace mixmatch::client {
namespace {

using Point = std::vector<double>;

Point PointOf(const v1::Percept& percept) {
  if (percept.has_vector()) {
    return {percept.vector().values().begin(), percept.vector().values().end()};
  }
  Point point(3, 0);
  for (const char c : percept.text().text()) {
    if (c >= 'x' && c <= 'z') point[static_cast<size_t>(c - 'x')] += 1;
  }
  return point;
}

double Cosine(const Point& a, const Point& b) {
  double product = 0;
  double a_square = 0;
  double b_square = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) product += a[i] * b[i];
  for (const double value : a) a_square += value * value;
  for (const double value : b) b_square += value * value;
  return a_square * b_square > 0 ? product / std::sqrt(a_square * b_square) : 0;
}

// Sum of the percepts' points.
Point PointOf(const v1::PerceptMixture& mixture) {
  Point sum(3, 0);
  for (const v1::Percept& percept : mixture.percepts()) {
    const Point point = PointOf(percept);
    for (size_t i = 0; i < std::min(sum.size(), point.size()); ++i) sum[i] += point[i];
  }
  return sum;
}

std::string ModalityOf(const v1::Percept& percept) {
  if (!percept.modality().empty()) return percept.modality();
  return percept.has_vector() ? "vector" : "text";
}

bool Passes(const v1::Filter& filter, const v1::Event& event) {
  for (const v1::MetadataCondition& condition : filter.metadata()) {
    const auto found = event.metadata().find(condition.key());
    if (found == event.metadata().end() ||
        std::count(condition.values().begin(), condition.values().end(), found->second) == 0) {
      return false;
    }
  }
  const auto in = [](const auto& list, const std::string& value) {
    return list.empty() || std::count(list.begin(), list.end(), value) > 0;
  };
  const bool modality =
      filter.modalities().empty() ||
      std::any_of(event.percepts().begin(), event.percepts().end(),
                  [&](const v1::Percept& p) { return in(filter.modalities(), ModalityOf(p)); });
  return modality && in(filter.sources(), event.source()) && in(filter.scenes(), event.scene());
}

}  // namespace

grpc::Status MemoryServer::Recall(Context* context, const v1::RecallRequest* request,
                                  v1::RecallResponse* response) {
  (void)context;
  absl::MutexLock lock(&mutex_);
  if (request->query().has_event() && Find(request->query().event()) == nullptr) {
    return {grpc::StatusCode::NOT_FOUND, "event: it is not stored"};
  }
  Point query = PointOf(request->query().percepts());
  if (request->query().has_event()) {
    query = PointOf(Find(request->query().event())->event().percepts(0));
  }
  std::vector<v1::Experience> found;
  for (const v1::StoredEvent& stored : events_) {
    if (!Passes(request->filter(), stored.event())) continue;
    for (int i = 0; i < stored.event().percepts_size(); ++i) {
      const std::string modality = ModalityOf(stored.event().percepts(i));
      if (std::count(request->modalities().begin(), request->modalities().end(), modality) == 0) {
        continue;
      }
      v1::Experience& experience = found.emplace_back();
      experience.set_similarity(
          static_cast<float>(Cosine(query, PointOf(stored.event().percepts(i)))));
      *experience.mutable_event() = stored;
      experience.set_percept_index(static_cast<uint32_t>(i));
      experience.set_modality(modality);
      experience.set_identical_count(1);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const v1::Experience& a, const v1::Experience& b) {
                     return a.similarity() > b.similarity();
                   });
  response->set_candidate_count(found.size());
  if (found.size() > request->k()) found.resize(request->k());
  response->mutable_experiences()->Add(found.begin(), found.end());
  response->set_plan("exact");
  return grpc::Status::OK;
}

grpc::Status MemoryServer::GetEvent(Context* context, const v1::GetEventRequest* request,
                                    v1::GetEventResponse* response) {
  (void)context;
  absl::MutexLock lock(&mutex_);
  const v1::StoredEvent* found = nullptr;
  if (request->has_event()) {
    found = Find(request->event());
  } else if (request->sequence() >= 1 && request->sequence() <= events_.size()) {
    found = &events_[request->sequence() - 1];
  }
  if (found == nullptr) return {grpc::StatusCode::NOT_FOUND, "event: it is not stored"};
  *response->mutable_event() = *found;
  return grpc::Status::OK;
}

grpc::Status MemoryServer::ListEvents(Context* context, const v1::ListEventsRequest* request,
                                      v1::ListEventsResponse* response) {
  (void)context;
  absl::MutexLock lock(&mutex_);
  uint64_t after = 0;
  if (!request->page_token().empty() && !absl::SimpleAtoi(request->page_token(), &after)) {
    return {grpc::StatusCode::INVALID_ARGUMENT, "page_token: unknown"};
  }
  for (const v1::StoredEvent& stored : events_) {
    if (stored.sequence() <= after || !Passes(request->filter(), stored.event())) continue;
    if (static_cast<uint32_t>(response->events_size()) == request->page_size()) {
      response->set_next_page_token(
          absl::StrCat(response->events(response->events_size() - 1).sequence()));
      break;
    }
    *response->add_events() = stored;
  }
  return grpc::Status::OK;
}

grpc::Status MemoryServer::GetEpisode(Context* context, const v1::GetEpisodeRequest* request,
                                      v1::GetEpisodeResponse* response) {
  (void)context;
  absl::MutexLock lock(&mutex_);
  if (request->episode_id() < 1 || request->episode_id() > events_.size()) {
    return {grpc::StatusCode::NOT_FOUND, "episode_id: there is none"};
  }
  v1::Episode* const episode = response->mutable_episode();
  episode->set_episode_id(request->episode_id());
  *episode->add_events() = events_[request->episode_id() - 1];
  episode->set_scene(episode->events(0).event().scene());
  episode->set_closed(true);
  return grpc::Status::OK;
}

grpc::Status MemoryServer::Embed(Context* context, const v1::EmbedRequest* request,
                                 v1::EmbedResponse* response) {
  (void)context;
  for (const double value : PointOf(request->percepts())) {
    response->mutable_embedding()->add_values(static_cast<float>(value));
  }
  return grpc::Status::OK;
}

grpc::Status MemoryServer::Fault(Context* context) {
  const int call = call_count_++;
  if (call < options_.unavailable_calls) return {grpc::StatusCode::UNAVAILABLE, "starting"};
  if (call < options_.unavailable_calls + options_.exhausted_calls) {
    context->AddTrailingMetadata("retry-delay-ms",
                                 absl::StrCat(absl::ToInt64Milliseconds(options_.retry_delay)));
    return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full"};
  }
  return grpc::Status::OK;
}

grpc::Status MemoryServer::GetWatermarks(Context* context, const v1::GetWatermarksRequest* request,
                                         v1::GetWatermarksResponse* response) {
  (void)request;
  grpc::Status fault = Fault(context);
  if (!fault.ok()) return fault;
  absl::MutexLock lock(&mutex_);
  *response->mutable_watermarks() = Watermarks();
  return grpc::Status::OK;
}

grpc::Status MemoryServer::GetStatus(Context* context, const v1::GetStatusRequest* request,
                                     v1::GetStatusResponse* response) {
  (void)request;
  grpc::Status fault = Fault(context);
  if (!fault.ok()) return fault;
  absl::MutexLock lock(&mutex_);
  response->set_version("0.1.0");
  response->set_event_count(events_.size());
  *response->mutable_watermarks() = Watermarks();
  response->mutable_learning()->set_state(paused_ ? v1::LearningStatus::PAUSED
                                                  : v1::LearningStatus::IDLE);
  v1::ModalityStatus* const modality = response->add_modalities();
  modality->set_name("text");
  modality->set_kind("text");
  return grpc::Status::OK;
}

grpc::Status MemoryServer::PauseLearning(Context* context, const v1::PauseLearningRequest* request,
                                         v1::PauseLearningResponse* response) {
  (void)context, (void)request, (void)response;
  absl::MutexLock lock(&mutex_);
  paused_ = true;
  return grpc::Status::OK;
}

grpc::Status MemoryServer::ResumeLearning(Context* context,
                                          const v1::ResumeLearningRequest* request,
                                          v1::ResumeLearningResponse* response) {
  (void)context, (void)request, (void)response;
  absl::MutexLock lock(&mutex_);
  paused_ = false;
  return grpc::Status::OK;
}

grpc::Status MemoryServer::Consolidate(Context* context, const v1::ConsolidateRequest* request,
                                       grpc::ServerWriter<v1::ConsolidateResponse>* writer) {
  if (paused()) return {grpc::StatusCode::FAILED_PRECONDITION, "learning is paused; resume it"};
  v1::ConsolidateResponse response;
  response.set_steps_asked(request->steps());
  for (uint64_t step = 1; step <= request->steps() && !context->IsCancelled(); ++step) {
    response.set_steps_done(step);
    response.set_loss(1.0 / static_cast<double>(step));
    response.set_done(step == request->steps());
    writer->Write(response);
  }
  return grpc::Status::OK;
}

grpc::Status MemoryServer::ListGenerations(Context* context,
                                           const v1::ListGenerationsRequest* request,
                                           v1::ListGenerationsResponse* response) {
  (void)context, (void)request;
  absl::MutexLock lock(&mutex_);
  for (uint64_t number = generation_ + 1; number-- > 0;) {
    v1::Generation* const generation = response->add_generations();
    generation->set_number(number);
    generation->set_state(number == generation_ ? v1::Generation::SERVING : v1::Generation::KEPT);
    generation->set_reason(absl::StrCat("published: generation ", number, " is not worse"));
    if (number == 0) continue;
    v1::GateScore* const score = generation->add_scores();
    score->set_measure("word -> pose, old");
    score->set_candidate(0.875);
    score->set_serving(0.75);
    score->set_probe_count(123);
    score->set_standard_error(0.01);
    score->set_tolerance(0.02);
    v1::PartnerDistance* const distance = generation->add_partner_distances();
    distance->set_from("word");
    distance->set_to("pose");
    distance->set_mean(0.0625);
    distance->set_probe_count(123);
  }
  return grpc::Status::OK;
}

grpc::Status MemoryServer::PublishGeneration(
    Context* context, const v1::PublishGenerationRequest* request,
    grpc::ServerWriter<v1::PublishGenerationResponse>* writer) {
  (void)context, (void)request;
  absl::MutexLock lock(&mutex_);
  v1::PublishGenerationResponse response;
  response.set_phase(v1::PublishGenerationResponse::EMBEDDING);
  response.set_total_count(events_.size());
  writer->Write(response);
  response.set_done_count(events_.size());
  response.set_phase(v1::PublishGenerationResponse::PUBLISHED);
  response.mutable_generation()->set_number(++generation_);
  writer->Write(response);
  return grpc::Status::OK;
}

grpc::Status MemoryServer::RollbackGeneration(Context* context,
                                              const v1::RollbackGenerationRequest* request,
                                              v1::RollbackGenerationResponse* response) {
  (void)context, (void)request;
  absl::MutexLock lock(&mutex_);
  if (generation_ == 0) return {grpc::StatusCode::FAILED_PRECONDITION, "no generation is kept"};
  response->mutable_serving()->set_number(--generation_);
  return grpc::Status::OK;
}

grpc::Status MemoryServer::GetLearningReport(Context* context,
                                             const v1::GetLearningReportRequest* request,
                                             v1::GetLearningReportResponse* response) {
  (void)context, (void)request;
  absl::MutexLock lock(&mutex_);
  *response = report_;
  return grpc::Status::OK;
}

void MemoryServer::SetReport(const v1::GetLearningReportResponse& report) {
  absl::MutexLock lock(&mutex_);
  report_ = report;
}

}  // namespace mixmatch::client
