// A server stream that tells the progress of one piece of work: what is not read in time is
// replaced by newer news, never queued.
#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/convert.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Lives until gRPC is done with it and nobody holds it.
template <typename Response>
class ProgressStream final : public grpc::ServerWriteReactor<Response>,
                             public std::enable_shared_from_this<ProgressStream<Response>> {
 public:
  // `on_cancel` runs when the client went away.
  static std::shared_ptr<ProgressStream> Create(std::function<void()> on_cancel = [] {}) {
    std::shared_ptr<ProgressStream> stream(new ProgressStream(std::move(on_cancel)));
    stream->self_ = stream;
    return stream;
  }

  void Push(Response response) {
    const absl::MutexLock lock(&mu_);
    next_ = std::move(response);
    Pump();
  }

  // Ends the call after what was pushed last.
  void End(const absl::Status& status) {
    const absl::MutexLock lock(&mu_);
    if (!end_) end_ = status;
    Pump();
  }

  void OnWriteDone(bool ok) override {
    const absl::MutexLock lock(&mu_);
    writing_ = false;
    if (!ok && !end_) end_ = absl::CancelledError("the client went away");
    Pump();
  }

  void OnCancel() override {
    on_cancel_();
    const absl::MutexLock lock(&mu_);
    next_.reset();
    if (!end_) end_ = absl::CancelledError("the client went away");
    Pump();
  }

  void OnDone() override { self_.reset(); }

 private:
  explicit ProgressStream(std::function<void()> on_cancel) : on_cancel_(std::move(on_cancel)) {}

  void Pump() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    if (finished_ || writing_) return;
    if (next_) {
      response_ = *std::exchange(next_, std::nullopt);
      writing_ = true;
      this->StartWrite(&response_);
    } else if (end_) {
      finished_ = true;
      this->Finish(ToGrpc(*end_));
    }
  }

  const std::function<void()> on_cancel_;
  std::shared_ptr<ProgressStream> self_;  // until OnDone
  Response response_;                     // of the outstanding write

  absl::Mutex mu_;
  std::optional<Response> next_ ABSL_GUARDED_BY(mu_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mu_);
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace mixmatch
