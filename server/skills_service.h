// The Skills service: thin. Hands everything to the skill desk on worker threads.
#pragma once

#include "mixmatch/v1/skills.grpc.pb.h"
#include "server/skill_desk.h"
#include "server/worker_pool.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class SkillsService final : public v1::Skills::CallbackService {
 public:
  SkillsService(const SkillDesk* desk, WorkerPool* pool) : desk_(desk), pool_(pool) {}

  grpc::ServerUnaryReactor* CreateSkill(grpc::CallbackServerContext* context,
                                        const v1::CreateSkillRequest* request,
                                        v1::CreateSkillResponse* response) override;
  grpc::ServerUnaryReactor* GetSkill(grpc::CallbackServerContext* context,
                                     const v1::GetSkillRequest* request,
                                     v1::GetSkillResponse* response) override;
  grpc::ServerUnaryReactor* ListSkills(grpc::CallbackServerContext* context,
                                       const v1::ListSkillsRequest* request,
                                       v1::ListSkillsResponse* response) override;
  grpc::ServerUnaryReactor* DeleteSkill(grpc::CallbackServerContext* context,
                                        const v1::DeleteSkillRequest* request,
                                        v1::DeleteSkillResponse* response) override;
  grpc::ServerUnaryReactor* Teach(grpc::CallbackServerContext* context,
                                  const v1::TeachRequest* request,
                                  v1::TeachResponse* response) override;
  grpc::ServerUnaryReactor* Unteach(grpc::CallbackServerContext* context,
                                    const v1::UnteachRequest* request,
                                    v1::UnteachResponse* response) override;
  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const v1::PredictRequest* request,
                                    v1::PredictResponse* response) override;
  grpc::ServerUnaryReactor* Evaluate(grpc::CallbackServerContext* context,
                                     const v1::EvaluateRequest* request,
                                     v1::EvaluateResponse* response) override;

 private:
  const SkillDesk* const desk_;
  WorkerPool* const pool_;
};

}  // namespace mixmatch
