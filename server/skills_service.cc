// Each method hands over and returns.
#include "server/skills_service.h"

#include "server/unary.h"

namespace mixmatch {

grpc::ServerUnaryReactor* SkillsService::CreateSkill(grpc::CallbackServerContext* context,
                                                     const v1::CreateSkillRequest* request,
                                                     v1::CreateSkillResponse* response) {
  return RunUnary<v1::CreateSkillResponse>(context, response, *pool_,
                                           [this, request] { return desk_->Create(*request); });
}

grpc::ServerUnaryReactor* SkillsService::GetSkill(grpc::CallbackServerContext* context,
                                                  const v1::GetSkillRequest* request,
                                                  v1::GetSkillResponse* response) {
  return RunUnary<v1::GetSkillResponse>(context, response, *pool_,
                                        [this, request] { return desk_->Get(*request); });
}

grpc::ServerUnaryReactor* SkillsService::ListSkills(grpc::CallbackServerContext* context,
                                                    const v1::ListSkillsRequest* /*request*/,
                                                    v1::ListSkillsResponse* response) {
  return RunUnary<v1::ListSkillsResponse>(context, response, *pool_,
                                          [this] { return desk_->List(); });
}

grpc::ServerUnaryReactor* SkillsService::DeleteSkill(grpc::CallbackServerContext* context,
                                                     const v1::DeleteSkillRequest* request,
                                                     v1::DeleteSkillResponse* response) {
  return RunUnary<v1::DeleteSkillResponse>(context, response, *pool_,
                                           [this, request] { return desk_->Delete(*request); });
}

grpc::ServerUnaryReactor* SkillsService::Teach(grpc::CallbackServerContext* context,
                                               const v1::TeachRequest* request,
                                               v1::TeachResponse* response) {
  return RunUnary<v1::TeachResponse>(context, response, *pool_,
                                     [this, request] { return desk_->Teach(*request); });
}

grpc::ServerUnaryReactor* SkillsService::Unteach(grpc::CallbackServerContext* context,
                                                 const v1::UnteachRequest* request,
                                                 v1::UnteachResponse* response) {
  return RunUnary<v1::UnteachResponse>(context, response, *pool_,
                                       [this, request] { return desk_->Unteach(*request); });
}

grpc::ServerUnaryReactor* SkillsService::Predict(grpc::CallbackServerContext* context,
                                                 const v1::PredictRequest* request,
                                                 v1::PredictResponse* response) {
  return RunUnary<v1::PredictResponse>(context, response, *pool_,
                                       [this, request] { return desk_->Predict(*request); });
}

grpc::ServerUnaryReactor* SkillsService::Evaluate(grpc::CallbackServerContext* context,
                                                  const v1::EvaluateRequest* request,
                                                  v1::EvaluateResponse* response) {
  return RunUnary<v1::EvaluateResponse>(context, response, *pool_,
                                        [this, request] { return desk_->Evaluate(*request); });
}

}  // namespace mixmatch
