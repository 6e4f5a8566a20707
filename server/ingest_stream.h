// One Ingest stream: reads while it has credit, answers in order, sends watermarks as they move.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "mixmatch/v1/memory.pb.h"
#include "server/ingest_pipeline.h"
#include "server/watermarks.h"

namespace mixmatch {

// Adds one event's result to a list, joining runs of stored events.
void AppendToResults(uint64_t index, const AppendResult& result,
                     google::protobuf::RepeatedPtrField<v1::IngestResult>& results);

// Borrows pipeline and watermarks.
// Invariants:
//   1. At most one read and one write are outstanding; a read is armed only while fewer than
//      `in_flight_max` events wait for a result or results for a write, and following the log is
//      not too far behind (that is the back-pressure).
//   2. Nothing is started after Finish; Finish comes after the last result. Both are decided and
//   done
//      under the lock; gRPC never runs a reaction inside a Start call.
//   3. It lives until gRPC is done with it and no pipeline callback or listener holds it.
class IngestStream final : public grpc::ServerBidiReactor<v1::IngestRequest, v1::IngestResponse>,
                           public std::enable_shared_from_this<IngestStream> {
 public:
  struct Parts {
    IngestPipeline* pipeline = nullptr;
    Watermarks* watermarks = nullptr;
    uint64_t in_flight_max = 0;
    Caller caller;
    const std::atomic<bool>* draining = nullptr;
  };

  // Starts a stream; it ends and frees itself.
  static IngestStream* Start(const Parts& parts);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  explicit IngestStream(const Parts& parts) : parts_(parts) {}

  void OnResult(uint64_t index, const AppendResult& result);
  void OnWatermarks(const WatermarkValues& values);
  // Starts what the state allows.
  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Parts parts_;
  std::shared_ptr<IngestStream> self_;  // until OnDone
  uint64_t subscription_ = 0;
  v1::IngestRequest request_;    // of the outstanding read
  v1::IngestResponse response_;  // of the outstanding write

  absl::Mutex mu_;
  v1::IngestResponse next_ ABSL_GUARDED_BY(mu_);  // what the next write says
  bool has_next_ ABSL_GUARDED_BY(mu_) = false;
  uint64_t received_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t in_flight_ ABSL_GUARDED_BY(mu_) = 0;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;   // no further event will come
  bool broken_ ABSL_GUARDED_BY(mu_) = false;  // nobody reads answers any more
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace mixmatch
