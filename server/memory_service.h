// The Memory service: thin. Hands events to the pipeline and questions to the recaller.
#pragma once

#include <atomic>

#include "core/base/clock.h"
#include "mixmatch/v1/memory.grpc.pb.h"
#include "server/config.h"
#include "server/ingest_pipeline.h"
#include "server/recaller.h"
#include "server/watermarks.h"
#include "server/worker_pool.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class MemoryService final : public v1::Memory::CallbackService {
 public:
  struct Parts {
    IngestPipeline* pipeline = nullptr;
    const Recaller* recaller = nullptr;
    Watermarks* watermarks = nullptr;
    WorkerPool* pool = nullptr;
    const Clock* clock = nullptr;
    std::function<void()> recalled = [] {};  // called at each recall; must be quick
  };
  MemoryService(const Config& config, const Parts& parts) : config_(config), parts_(parts) {}

  // Ends every ingest stream after its last result, with UNAVAILABLE.
  void Drain();

  grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse>* Ingest(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* IngestBatch(grpc::CallbackServerContext* context,
                                        const v1::IngestBatchRequest* request,
                                        v1::IngestBatchResponse* response) override;
  grpc::ServerUnaryReactor* Recall(grpc::CallbackServerContext* context,
                                   const v1::RecallRequest* request,
                                   v1::RecallResponse* response) override;
  grpc::ServerUnaryReactor* GetEvent(grpc::CallbackServerContext* context,
                                     const v1::GetEventRequest* request,
                                     v1::GetEventResponse* response) override;
  grpc::ServerUnaryReactor* ListEvents(grpc::CallbackServerContext* context,
                                       const v1::ListEventsRequest* request,
                                       v1::ListEventsResponse* response) override;
  grpc::ServerUnaryReactor* GetEpisode(grpc::CallbackServerContext* context,
                                       const v1::GetEpisodeRequest* request,
                                       v1::GetEpisodeResponse* response) override;
  grpc::ServerUnaryReactor* Embed(grpc::CallbackServerContext* context,
                                  const v1::EmbedRequest* request,
                                  v1::EmbedResponse* response) override;
  grpc::ServerUnaryReactor* GetWatermarks(grpc::CallbackServerContext* context,
                                          const v1::GetWatermarksRequest* request,
                                          v1::GetWatermarksResponse* response) override;

 private:
  const Config config_;
  const Parts parts_;
  std::atomic<bool> draining_ = false;
};

}  // namespace mixmatch
