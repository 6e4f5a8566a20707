// Each method hands over and returns.
#include "server/memory_service.h"

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status.h"
#include "server/convert.h"
#include "server/ingest_stream.h"
#include "server/unary.h"

namespace mixmatch {
namespace {

constexpr int kBatchEventsMax = 1000;

// Collects the results of a batch; finishes the call with the last one.
class BatchCall {
 public:
  BatchCall(grpc::ServerUnaryReactor* reactor, v1::IngestBatchResponse* response,
            Watermarks* watermarks, int events)
      : reactor_(reactor), response_(response), watermarks_(watermarks), left_(events) {}

  void OnResult(uint64_t index, const AppendResult& result) {
    const absl::MutexLock lock(&mu_);
    AppendToResults(index, result, *response_->mutable_results());
    if (--left_ > 0) return;
    *response_->mutable_watermarks() = ToProto(watermarks_->Get());
    reactor_->Finish(grpc::Status::OK);
  }

 private:
  grpc::ServerUnaryReactor* const reactor_;
  v1::IngestBatchResponse* const response_;
  Watermarks* const watermarks_;
  absl::Mutex mu_;
  int left_ ABSL_GUARDED_BY(mu_);
};

}  // namespace

void MemoryService::Drain() {
  draining_.store(true);
  parts_.watermarks->Nudge();
}

grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse>* MemoryService::Ingest(
    grpc::CallbackServerContext* context) {
  return IngestStream::Start({.pipeline = parts_.pipeline,
                              .watermarks = parts_.watermarks,
                              .in_flight_max = config_.limits.stream_in_flight,
                              .caller = CallerOfStream(*context),
                              .draining = &draining_});
}

grpc::ServerUnaryReactor* MemoryService::IngestBatch(grpc::CallbackServerContext* context,
                                                     const v1::IngestBatchRequest* request,
                                                     v1::IngestBatchResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const int count = request->events_size();
  if (count < 1 || count > kBatchEventsMax) {
    reactor->Finish(ToGrpc(InvalidField(
        "events", absl::StrCat("batch refused: ", count, " events; send 1 to ", kBatchEventsMax))));
    return reactor;
  }
  const auto call = std::make_shared<BatchCall>(reactor, response, parts_.watermarks, count);
  const Caller caller = CallerOfCall(*context);
  if (const absl::Status turn = parts_.pipeline->CheckTurn(caller, static_cast<uint64_t>(count));
      !turn.ok()) {
    for (int i = 0; i < count; ++i) call->OnResult(static_cast<uint64_t>(i), {.error = turn});
    return reactor;
  }
  std::vector<Event> events;
  events.reserve(static_cast<size_t>(count));
  for (const v1::Event& event : request->events()) events.push_back(FromProto(v1::Event(event)));
  parts_.pipeline->SubmitCall(
      caller, std::move(events),
      [call](size_t index, const AppendResult& result) { call->OnResult(index, result); });
  return reactor;
}

grpc::ServerUnaryReactor* MemoryService::Recall(grpc::CallbackServerContext* context,
                                                const v1::RecallRequest* request,
                                                v1::RecallResponse* response) {
  parts_.recalled();
  return RunUnary<v1::RecallResponse>(context, response, *parts_.pool, [this, request] {
    return parts_.recaller->Recall(*request);
  });
}

grpc::ServerUnaryReactor* MemoryService::GetEvent(grpc::CallbackServerContext* context,
                                                  const v1::GetEventRequest* request,
                                                  v1::GetEventResponse* response) {
  return RunUnary<v1::GetEventResponse>(context, response, *parts_.pool, [this, request] {
    return parts_.recaller->GetEvent(*request);
  });
}

grpc::ServerUnaryReactor* MemoryService::ListEvents(grpc::CallbackServerContext* context,
                                                    const v1::ListEventsRequest* request,
                                                    v1::ListEventsResponse* response) {
  return RunUnary<v1::ListEventsResponse>(context, response, *parts_.pool, [this, request] {
    return parts_.recaller->ListEvents(*request);
  });
}

grpc::ServerUnaryReactor* MemoryService::GetEpisode(grpc::CallbackServerContext* context,
                                                    const v1::GetEpisodeRequest* request,
                                                    v1::GetEpisodeResponse* response) {
  return RunUnary<v1::GetEpisodeResponse>(context, response, *parts_.pool, [this, request] {
    return parts_.recaller->GetEpisode(*request);
  });
}

grpc::ServerUnaryReactor* MemoryService::Embed(grpc::CallbackServerContext* context,
                                               const v1::EmbedRequest* request,
                                               v1::EmbedResponse* response) {
  return RunUnary<v1::EmbedResponse>(context, response, *parts_.pool,
                                     [this, request] { return parts_.recaller->Embed(*request); });
}

grpc::ServerUnaryReactor* MemoryService::GetWatermarks(grpc::CallbackServerContext* context,
                                                       const v1::GetWatermarksRequest* /*request*/,
                                                       v1::GetWatermarksResponse* response) {
  *response->mutable_watermarks() = ToProto(parts_.watermarks->Get());
  *response->mutable_time() = ToProto(parts_.clock->Now());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace mixmatch
