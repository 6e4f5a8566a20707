// A small memory for the clients' tests: a real gRPC server that keeps real books.
//
// It stores events by identity, numbers them, finds them again by a fixed embedding, and learns at
// a pace that the test sets. Faults are injected: streams that break, queues that are full, a limit
// on messages. It forgets everything at its end.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "mixmatch/v1/admin.grpc.pb.h"
#include "mixmatch/v1/memory.grpc.pb.h"

namespace mixmatch::client {

// What goes wrong, and how fast it learns.
struct MemoryServerOptions {
  // Each of the first `breaks` streams ends with UNAVAILABLE after so many events were stored, the
  // last `unreported` of them without a result.
  int breaks = 0;
  uint64_t break_after_events = 0;
  uint64_t unreported_events = 0;
  // Each event whose id is divisible by this is refused with RESOURCE_EXHAUSTED the first time.
  uint64_t exhausted_every = 0;
  absl::Duration retry_delay = absl::Milliseconds(50);
  // GetWatermarks and GetStatus answer UNAVAILABLE so many times, or RESOURCE_EXHAUSTED with a
  // delay.
  int unavailable_calls = 0;
  int exhausted_calls = 0;
  // Where it listens; 0: a free port.
  int port = 0;
  // gRPC's limit for one message; 0: its default.
  int message_bytes_max = 0;
  // Learns this many events every `learn_every`; 0: at once.
  uint64_t learn_events = 0;
  absl::Duration learn_every = absl::Milliseconds(20);
};

// Embedding: a vector is itself; a text of the letters x, y, z is the count of each. So a text "x"
// and the vector (1, 0, 0) are the same point.
//
// Thread-safety: Safe for concurrent use.
class MemoryServer final : public v1::Memory::Service, public v1::Admin::Service {
 public:
  explicit MemoryServer(const MemoryServerOptions& options);
  ~MemoryServer() override;

  // "127.0.0.1:PORT".
  const std::string& target() const { return target_; }

  std::vector<v1::StoredEvent> events() const;
  // Times that an event was received, by event id.
  std::map<std::string, int> received() const;
  uint64_t stream_count() const { return stream_count_; }
  int call_count() const { return call_count_; }
  // The farthest that anything stored was ahead of what was learned.
  uint64_t unlearned_max() const;
  bool paused() const;
  // What GetLearningReport answers from now on.
  void SetReport(const v1::GetLearningReportResponse& report);

  using Context = grpc::ServerContext;
  using IngestStream = grpc::ServerReaderWriter<v1::IngestResponse, v1::IngestRequest>;
  grpc::Status Ingest(Context* context, IngestStream* stream) override;
  grpc::Status IngestBatch(Context* context, const v1::IngestBatchRequest* request,
                           v1::IngestBatchResponse* response) override;
  grpc::Status Recall(Context* context, const v1::RecallRequest* request,
                      v1::RecallResponse* response) override;
  grpc::Status GetEvent(Context* context, const v1::GetEventRequest* request,
                        v1::GetEventResponse* response) override;
  grpc::Status ListEvents(Context* context, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override;
  grpc::Status GetEpisode(Context* context, const v1::GetEpisodeRequest* request,
                          v1::GetEpisodeResponse* response) override;
  grpc::Status Embed(Context* context, const v1::EmbedRequest* request,
                     v1::EmbedResponse* response) override;
  grpc::Status GetWatermarks(Context* context, const v1::GetWatermarksRequest* request,
                             v1::GetWatermarksResponse* response) override;
  grpc::Status GetStatus(Context* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status PauseLearning(Context* context, const v1::PauseLearningRequest* request,
                             v1::PauseLearningResponse* response) override;
  grpc::Status ResumeLearning(Context* context, const v1::ResumeLearningRequest* request,
                              v1::ResumeLearningResponse* response) override;
  grpc::Status Consolidate(Context* context, const v1::ConsolidateRequest* request,
                           grpc::ServerWriter<v1::ConsolidateResponse>* writer) override;
  grpc::Status ListGenerations(Context* context, const v1::ListGenerationsRequest* request,
                               v1::ListGenerationsResponse* response) override;
  grpc::Status PublishGeneration(
      Context* context, const v1::PublishGenerationRequest* request,
      grpc::ServerWriter<v1::PublishGenerationResponse>* writer) override;
  grpc::Status RollbackGeneration(Context* context, const v1::RollbackGenerationRequest* request,
                                  v1::RollbackGenerationResponse* response) override;
  grpc::Status GetLearningReport(Context* context, const v1::GetLearningReportRequest* request,
                                 v1::GetLearningReportResponse* response) override;

 private:
  // Stores it or says why not; first_index is left to the caller.
  v1::IngestResult Store(const v1::Event& event) ABSL_LOCKS_EXCLUDED(mutex_);
  v1::Watermarks Watermarks() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const v1::StoredEvent* Find(const v1::EventKey& key) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // An injected fault of a unary call, or OK.
  grpc::Status Fault(Context* context);
  void Learn();

  const MemoryServerOptions options_;
  std::atomic<uint64_t> stream_count_{0};
  std::atomic<int> call_count_{0};
  std::atomic<bool> stopping_{false};

  mutable absl::Mutex mutex_;
  std::vector<v1::StoredEvent> events_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, size_t> places_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int> received_ ABSL_GUARDED_BY(mutex_);
  uint64_t learned_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unlearned_max_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t generation_ ABSL_GUARDED_BY(mutex_) = 0;
  bool paused_ ABSL_GUARDED_BY(mutex_) = false;
  v1::GetLearningReportResponse report_ ABSL_GUARDED_BY(mutex_);

  std::string target_;
  std::unique_ptr<grpc::Server> server_;
  std::thread learner_;
};

}  // namespace mixmatch::client
