// Each method hands over and returns.
#include "server/graph_service.h"

#include "server/unary.h"

namespace mixmatch {

grpc::ServerUnaryReactor* GraphService::ListConcepts(grpc::CallbackServerContext* context,
                                                     const v1::ListConceptsRequest* /*request*/,
                                                     v1::ListConceptsResponse* response) {
  return RunUnary<v1::ListConceptsResponse>(context, response, *pool_,
                                            [this] { return desk_->ListConcepts(); });
}

grpc::ServerUnaryReactor* GraphService::GetConcept(grpc::CallbackServerContext* context,
                                                   const v1::GetConceptRequest* request,
                                                   v1::GetConceptResponse* response) {
  return RunUnary<v1::GetConceptResponse>(context, response, *pool_,
                                          [this, request] { return desk_->GetConcept(*request); });
}

grpc::ServerUnaryReactor* GraphService::ListAssociations(grpc::CallbackServerContext* context,
                                                         const v1::ListAssociationsRequest* request,
                                                         v1::ListAssociationsResponse* response) {
  return RunUnary<v1::ListAssociationsResponse>(
      context, response, *pool_, [this, request] { return desk_->ListAssociations(*request); });
}

grpc::ServerUnaryReactor* GraphService::Associate(grpc::CallbackServerContext* context,
                                                  const v1::AssociateRequest* request,
                                                  v1::AssociateResponse* response) {
  return RunUnary<v1::AssociateResponse>(context, response, *pool_,
                                         [this, request] { return desk_->Associate(*request); });
}

grpc::ServerUnaryReactor* GraphService::PredictNext(grpc::CallbackServerContext* context,
                                                    const v1::PredictNextRequest* request,
                                                    v1::PredictNextResponse* response) {
  return RunUnary<v1::PredictNextResponse>(
      context, response, *pool_, [this, request] { return desk_->PredictNext(*request); });
}

grpc::ServerUnaryReactor* GraphService::FindPath(grpc::CallbackServerContext* context,
                                                 const v1::FindPathRequest* request,
                                                 v1::FindPathResponse* response) {
  return RunUnary<v1::FindPathResponse>(context, response, *pool_,
                                        [this, request] { return desk_->FindPath(*request); });
}

grpc::ServerUnaryReactor* GraphService::GetTimeline(grpc::CallbackServerContext* context,
                                                    const v1::GetTimelineRequest* request,
                                                    v1::GetTimelineResponse* response) {
  return RunUnary<v1::GetTimelineResponse>(
      context, response, *pool_, [this, request] { return desk_->GetTimeline(*request); });
}

}  // namespace mixmatch
