// The Graph service: thin. Hands everything to the graph desk on worker threads.
#pragma once

#include "mixmatch/v1/graph.grpc.pb.h"
#include "server/graph_desk.h"
#include "server/worker_pool.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class GraphService final : public v1::Graph::CallbackService {
 public:
  GraphService(const GraphDesk* desk, WorkerPool* pool) : desk_(desk), pool_(pool) {}

  grpc::ServerUnaryReactor* ListConcepts(grpc::CallbackServerContext* context,
                                         const v1::ListConceptsRequest* request,
                                         v1::ListConceptsResponse* response) override;
  grpc::ServerUnaryReactor* GetConcept(grpc::CallbackServerContext* context,
                                       const v1::GetConceptRequest* request,
                                       v1::GetConceptResponse* response) override;
  grpc::ServerUnaryReactor* ListAssociations(grpc::CallbackServerContext* context,
                                             const v1::ListAssociationsRequest* request,
                                             v1::ListAssociationsResponse* response) override;
  grpc::ServerUnaryReactor* Associate(grpc::CallbackServerContext* context,
                                      const v1::AssociateRequest* request,
                                      v1::AssociateResponse* response) override;
  grpc::ServerUnaryReactor* PredictNext(grpc::CallbackServerContext* context,
                                        const v1::PredictNextRequest* request,
                                        v1::PredictNextResponse* response) override;
  grpc::ServerUnaryReactor* FindPath(grpc::CallbackServerContext* context,
                                     const v1::FindPathRequest* request,
                                     v1::FindPathResponse* response) override;
  grpc::ServerUnaryReactor* GetTimeline(grpc::CallbackServerContext* context,
                                        const v1::GetTimelineRequest* request,
                                        v1::GetTimelineResponse* response) override;

 private:
  const GraphDesk* const desk_;
  WorkerPool* const pool_;
};

}  // namespace mixmatch
