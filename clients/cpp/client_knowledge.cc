// The calls about skills and the graph.
#include "clients/cpp/client.h"
#include "clients/cpp/connection_internal.h"
#include "clients/cpp/retry_internal.h"

namespace mixmatch::client {

absl::StatusOr<v1::CreateSkillResponse> Client::CreateSkill(
    const v1::CreateSkillRequest& request) const {
  return Retry<v1::CreateSkillResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::CreateSkillResponse* response) {
        return connection_->skills().CreateSkill(context, request, response);
      });
}

absl::StatusOr<v1::GetSkillResponse> Client::GetSkill(const v1::GetSkillRequest& request) const {
  return Retry<v1::GetSkillResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::GetSkillResponse* response) {
        return connection_->skills().GetSkill(context, request, response);
      });
}

absl::StatusOr<v1::ListSkillsResponse> Client::ListSkills(
    const v1::ListSkillsRequest& request) const {
  return Retry<v1::ListSkillsResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::ListSkillsResponse* response) {
        return connection_->skills().ListSkills(context, request, response);
      });
}

absl::StatusOr<v1::DeleteSkillResponse> Client::DeleteSkill(
    const v1::DeleteSkillRequest& request) const {
  return Retry<v1::DeleteSkillResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::DeleteSkillResponse* response) {
        return connection_->skills().DeleteSkill(context, request, response);
      });
}

absl::StatusOr<v1::TeachResponse> Client::Teach(const v1::TeachRequest& request) const {
  return Retry<v1::TeachResponse>(connection_->options(),
                                  [&](grpc::ClientContext* context, v1::TeachResponse* response) {
                                    return connection_->skills().Teach(context, request, response);
                                  });
}

absl::StatusOr<v1::UnteachResponse> Client::Unteach(const v1::UnteachRequest& request) const {
  return Retry<v1::UnteachResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::UnteachResponse* response) {
        return connection_->skills().Unteach(context, request, response);
      });
}

absl::StatusOr<v1::PredictResponse> Client::Predict(const v1::PredictRequest& request) const {
  return Retry<v1::PredictResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::PredictResponse* response) {
        return connection_->skills().Predict(context, request, response);
      });
}

absl::StatusOr<v1::EvaluateResponse> Client::Evaluate(const v1::EvaluateRequest& request) const {
  return Retry<v1::EvaluateResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::EvaluateResponse* response) {
        return connection_->skills().Evaluate(context, request, response);
      });
}

absl::StatusOr<v1::ListConceptsResponse> Client::ListConcepts(
    const v1::ListConceptsRequest& request) const {
  return Retry<v1::ListConceptsResponse>(
      connection_->options(),
      [&](grpc::ClientContext* context, v1::ListConceptsResponse* response) {
        return connection_->graph().ListConcepts(context, request, response);
      });
}

absl::StatusOr<v1::GetConceptResponse> Client::GetConcept(
    const v1::GetConceptRequest& request) const {
  return Retry<v1::GetConceptResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::GetConceptResponse* response) {
        return connection_->graph().GetConcept(context, request, response);
      });
}

absl::StatusOr<v1::ListAssociationsResponse> Client::ListAssociations(
    const v1::ListAssociationsRequest& request) const {
  return Retry<v1::ListAssociationsResponse>(
      connection_->options(),
      [&](grpc::ClientContext* context, v1::ListAssociationsResponse* response) {
        return connection_->graph().ListAssociations(context, request, response);
      });
}

absl::StatusOr<v1::AssociateResponse> Client::Associate(const v1::AssociateRequest& request) const {
  return Retry<v1::AssociateResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::AssociateResponse* response) {
        return connection_->graph().Associate(context, request, response);
      });
}

absl::StatusOr<v1::PredictNextResponse> Client::PredictNext(
    const v1::PredictNextRequest& request) const {
  return Retry<v1::PredictNextResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::PredictNextResponse* response) {
        return connection_->graph().PredictNext(context, request, response);
      });
}

absl::StatusOr<v1::FindPathResponse> Client::FindPath(const v1::FindPathRequest& request) const {
  return Retry<v1::FindPathResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::FindPathResponse* response) {
        return connection_->graph().FindPath(context, request, response);
      });
}

absl::StatusOr<v1::GetTimelineResponse> Client::GetTimeline(
    const v1::GetTimelineRequest& request) const {
  return Retry<v1::GetTimelineResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::GetTimelineResponse* response) {
        return connection_->graph().GetTimeline(context, request, response);
      });
}

}  // namespace mixmatch::client
