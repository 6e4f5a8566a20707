// The Admin service: status, learning, generations, forgetting.
#pragma once

#include "core/base/clock.h"
#include "core/generations/generations.h"
#include "mixmatch/v1/admin.grpc.pb.h"
#include "server/config.h"
#include "server/disk_guard.h"
#include "server/follower.h"
#include "server/forget_desk.h"
#include "server/learning_loop.h"
#include "server/memory_guard.h"
#include "server/pending.h"
#include "server/watermarks.h"
#include "server/worker_pool.h"
#include "storage/database.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class AdminService final : public v1::Admin::CallbackService {
 public:
  struct Parts {
    const Database* database = nullptr;
    const EventLog* log = nullptr;
    const EpisodeTable* episodes = nullptr;
    const Generations* generations = nullptr;
    const Watermarks* watermarks = nullptr;
    const Follower* follower = nullptr;
    CatchUp* catch_up = nullptr;
    const DiskGuard* disk = nullptr;
    const MemoryGuard* memory = nullptr;
    LearningLoop* learning = nullptr;
    ForgetDesk* forget = nullptr;
    std::string not_forgotten;  // why not, where something is still to be forgotten
    WorkerPool* pool = nullptr;
    const Clock* clock = nullptr;
    absl::Time start_time;
    double matmul_gflops = 0;
  };
  AdminService(const Config& config, const Parts& parts) : config_(config), parts_(parts) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* PauseLearning(grpc::CallbackServerContext* context,
                                          const v1::PauseLearningRequest* request,
                                          v1::PauseLearningResponse* response) override;
  grpc::ServerUnaryReactor* ResumeLearning(grpc::CallbackServerContext* context,
                                           const v1::ResumeLearningRequest* request,
                                           v1::ResumeLearningResponse* response) override;
  grpc::ServerWriteReactor<v1::ConsolidateResponse>* Consolidate(
      grpc::CallbackServerContext* context, const v1::ConsolidateRequest* request) override;
  grpc::ServerUnaryReactor* ListGenerations(grpc::CallbackServerContext* context,
                                            const v1::ListGenerationsRequest* request,
                                            v1::ListGenerationsResponse* response) override;
  grpc::ServerWriteReactor<v1::PublishGenerationResponse>* PublishGeneration(
      grpc::CallbackServerContext* context, const v1::PublishGenerationRequest* request) override;
  grpc::ServerUnaryReactor* RollbackGeneration(grpc::CallbackServerContext* context,
                                               const v1::RollbackGenerationRequest* request,
                                               v1::RollbackGenerationResponse* response) override;
  grpc::ServerUnaryReactor* GetLearningReport(grpc::CallbackServerContext* context,
                                              const v1::GetLearningReportRequest* request,
                                              v1::GetLearningReportResponse* response) override;
  grpc::ServerUnaryReactor* Forget(grpc::CallbackServerContext* context,
                                   const v1::ForgetRequest* request,
                                   v1::ForgetResponse* response) override;

 private:
  v1::GetStatusResponse Status() const;
  v1::LearningStatus LearningPart() const;
  void AddWarnings(v1::GetStatusResponse& status) const;
  // The record of the generation that serves.
  v1::Generation Serving() const;

  const Config config_;
  const Parts parts_;
};

}  // namespace mixmatch
