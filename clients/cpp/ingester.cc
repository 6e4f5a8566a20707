// One stream at a time: a thread that connects and writes, and per stream one that reads.
//
// Lock order: `mutex_` alone; it is never held over a call of gRPC or of the program's callback.
#include "clients/cpp/ingester.h"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "clients/cpp/connection_internal.h"
#include "clients/cpp/ingest_window_internal.h"
#include "clients/cpp/remedy_internal.h"

namespace mixmatch::client {
namespace {

// How often somebody who waits looks around: for a stalled stream, for the learner's progress.
constexpr absl::Duration kLookAround = absl::Milliseconds(500);
constexpr absl::Duration kPollEvery = absl::Milliseconds(100);
constexpr absl::Duration kPollTimeout = absl::Seconds(5);

}  // namespace

class Ingester::Impl {
 public:
  Impl(std::shared_ptr<Connection> connection, const IngestOptions& options, OnOutcome on_outcome)
      : connection_(std::move(connection)),
        options_(options),
        on_outcome_(std::move(on_outcome)),
        backoff_(options.backoff_initial, options.backoff_max),
        window_(options.max_unlearned_events),
        thread_([this] { Run(); }) {}

  ~Impl() {
    Cancel();
    thread_.join();
  }

  absl::Status Send(v1::Event event);
  absl::Status Finish();
  void Cancel();
  IngestProgress progress() const;

 private:
  using Stream = grpc::ClientReaderWriterInterface<v1::IngestRequest, v1::IngestResponse>;

  void Run();
  // Connects, writes and reads until the stream's end. Returns false when it was the last one.
  bool RunStream();
  void Write(Stream* stream);
  void Read(Stream* stream);
  void AwaitEnd();
  bool HandleEnd(const absl::Status& status, std::optional<absl::Duration> delay);
  bool TakeResponse(const v1::IngestResponse& response);
  void PollWatermarks();
  void Report(const EventOutcome& outcome);

  bool Full() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return window_.event_count() > 0 && (window_.event_count() >= options_.window_events ||
                                         window_.byte_count() >= options_.window_bytes);
  }
  bool Done() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !end_.ok() || (finishing_ && window_.empty());
  }
  bool MaySend() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return window_.HasNext() && !window_.MustWaitForLearner() && absl::Now() >= silent_until_;
  }
  void CancelStalled() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<Connection> connection_;
  const IngestOptions options_;
  const OnOutcome on_outcome_;
  Backoff backoff_;                          // of thread_
  std::optional<absl::Time> failing_since_;  // of thread_

  mutable absl::Mutex mutex_;
  absl::CondVar changed_;
  IngestWindow window_ ABSL_GUARDED_BY(mutex_);
  absl::Status end_ ABSL_GUARDED_BY(mutex_);  // why nothing more is sent; OK while it is
  bool finishing_ ABSL_GUARDED_BY(mutex_) = false;
  bool over_ ABSL_GUARDED_BY(mutex_) = false;  // thread_ has nothing more to do
  absl::Time silent_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  uint64_t result_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t stream_count_ ABSL_GUARDED_BY(mutex_) = 0;

  // Of the present stream.
  grpc::ClientContext* context_ ABSL_GUARDED_BY(mutex_) = nullptr;
  bool read_to_end_ ABSL_GUARDED_BY(mutex_) = false;
  bool answered_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status mismatch_ ABSL_GUARDED_BY(mutex_);
  absl::Time owes_since_ ABSL_GUARDED_BY(mutex_);  // results, without a word

  std::thread thread_;
};

absl::Status Ingester::Impl::Send(v1::Event event) {
  absl::MutexLock lock(&mutex_);
  if (finishing_) {
    return absl::FailedPreconditionError("send: the ingest is finished; make another Ingester");
  }
  while (end_.ok() && Full()) {
    CancelStalled();
    changed_.WaitWithTimeout(&mutex_, kLookAround);
  }
  if (!end_.ok()) return end_;
  window_.Add(std::move(event));
  changed_.SignalAll();
  return absl::OkStatus();
}

absl::Status Ingester::Impl::Finish() {
  absl::MutexLock lock(&mutex_);
  finishing_ = true;
  changed_.SignalAll();
  while (!over_) {
    CancelStalled();
    changed_.WaitWithTimeout(&mutex_, kLookAround);
  }
  return end_;
}

void Ingester::Impl::Cancel() {
  absl::MutexLock lock(&mutex_);
  if (!over_ && end_.ok()) end_ = absl::CancelledError("ingest: cancelled; start another to go on");
  if (context_ != nullptr) context_->TryCancel();
  changed_.SignalAll();
}

IngestProgress Ingester::Impl::progress() const {
  absl::MutexLock lock(&mutex_);
  IngestProgress progress;
  progress.taken_count = window_.taken_count();
  progress.result_count = result_count_;
  progress.reconnect_count = stream_count_ > 0 ? stream_count_ - 1 : 0;
  progress.connected = context_ != nullptr && answered_;
  progress.paced = window_.HasNext() && window_.MustWaitForLearner();
  if (window_.watermarks()) progress.watermarks = *window_.watermarks();
  return progress;
}

void Ingester::Impl::CancelStalled() {
  if (context_ == nullptr || window_.on_way_count() == 0) return;
  if (absl::Now() - owes_since_ > options_.stall_after) context_->TryCancel();
}

void Ingester::Impl::Run() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      while (!Done() && window_.empty()) changed_.Wait(&mutex_);
      if (Done()) break;
    }
    if (!RunStream()) break;
  }
  absl::MutexLock lock(&mutex_);
  over_ = true;
  changed_.SignalAll();
}

bool Ingester::Impl::RunStream() {
  grpc::ClientContext context;
  {
    absl::MutexLock lock(&mutex_);
    if (!end_.ok()) return false;
    context_ = &context;
    read_to_end_ = answered_ = false;
    mismatch_ = absl::OkStatus();
    ++stream_count_;
  }
  auto stream = connection_->memory().Ingest(&context);
  std::thread reader([this, &stream] { Read(stream.get()); });
  Write(stream.get());
  AwaitEnd();
  reader.join();
  absl::Status status = FromGrpc(stream->Finish());
  {
    absl::MutexLock lock(&mutex_);
    context_ = nullptr;
    if (!mismatch_.ok()) end_ = status = mismatch_;
    if (Done()) return false;
  }
  return HandleEnd(status, RetryDelay(context));
}

// Sends until all is done or the stream is gone.
void Ingester::Impl::Write(Stream* stream) {
  absl::Time last_poll = absl::InfinitePast();
  mutex_.Lock();
  while (!Done() && !read_to_end_) {
    if (MaySend()) {
      if (window_.on_way_count() == 0) owes_since_ = absl::Now();
      const IngestWindow::Request request = window_.TakeNext();
      mutex_.Unlock();
      const bool written = stream->Write(*request);
      mutex_.Lock();
      if (!written) break;
      continue;
    }
    CancelStalled();
    // Watermarks come by themselves about once a second; a paced stream wants to know sooner.
    const bool paced = window_.HasNext() && window_.MustWaitForLearner();
    if (paced && absl::Now() - last_poll >= kPollEvery) {
      mutex_.Unlock();
      PollWatermarks();
      mutex_.Lock();
      last_poll = absl::Now();
      continue;
    }
    const absl::Duration silence = silent_until_ - absl::Now();
    absl::Duration wait = paced ? kPollEvery : kLookAround;
    if (silence > absl::ZeroDuration()) wait = std::min(wait, silence);
    changed_.WaitWithTimeout(&mutex_, wait);
  }
  const bool clean = end_.ok() && Done();
  mutex_.Unlock();
  if (clean) stream->WritesDone();
}

// Everything is written or the stream is broken: the reader must come to its end soon.
void Ingester::Impl::AwaitEnd() {
  absl::MutexLock lock(&mutex_);
  const absl::Time limit = absl::Now() + std::min(options_.stall_after, absl::Seconds(10));
  while (!read_to_end_ && end_.ok() && absl::Now() < limit) {
    changed_.WaitWithDeadline(&mutex_, limit);
  }
  if (!read_to_end_) context_->TryCancel();
}

void Ingester::Impl::Read(Stream* stream) {
  v1::IngestResponse response;
  while (stream->Read(&response)) {
    if (!TakeResponse(response)) break;
  }
  absl::MutexLock lock(&mutex_);
  if (!mismatch_.ok()) context_->TryCancel();
  read_to_end_ = true;
  changed_.SignalAll();
}

bool Ingester::Impl::TakeResponse(const v1::IngestResponse& response) {
  for (const v1::IngestResult& result : response.results()) {
    absl::StatusOr<IngestWindow::Applied> applied;
    {
      absl::MutexLock lock(&mutex_);
      applied = window_.Apply(result);
      if (!applied.ok()) {
        mismatch_ = applied.status();
        return false;
      }
      if (applied->retry_delay) silent_until_ = absl::Now() + *applied->retry_delay;
    }
    for (const EventOutcome& outcome : applied->outcomes) Report(outcome);
  }
  absl::MutexLock lock(&mutex_);
  if (response.has_watermarks()) window_.SetWatermarks(response.watermarks());
  answered_ = true;
  owes_since_ = absl::Now();
  changed_.SignalAll();
  return true;
}

void Ingester::Impl::Report(const EventOutcome& outcome) {
  if (on_outcome_) on_outcome_(outcome);
  absl::MutexLock lock(&mutex_);
  ++result_count_;
}

void Ingester::Impl::PollWatermarks() {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + kPollTimeout);
  v1::GetWatermarksResponse response;
  // A failure needs no handling here: the stream's own end tells it better.
  if (!connection_->memory().GetWatermarks(&context, {}, &response).ok()) return;
  absl::MutexLock lock(&mutex_);
  window_.SetWatermarks(response.watermarks());
}

// Decides after a stream that ended too early. Returns whether to open another.
bool Ingester::Impl::HandleEnd(const absl::Status& status, std::optional<absl::Duration> delay) {
  const Remedy remedy = RemedyFor(status, delay.has_value());
  std::optional<EventOutcome> given_up;
  bool answered = false;
  {
    absl::MutexLock lock(&mutex_);
    given_up = window_.Disconnect(remedy == Remedy::kIsolate ? &status : nullptr);
    answered = answered_;
  }
  if (given_up) Report(*given_up);
  if (answered || given_up) {
    failing_since_.reset();
    backoff_.Reset();
  }
  if (!failing_since_) failing_since_ = absl::Now();
  const absl::Duration wait = delay.value_or(backoff_.Next());
  absl::MutexLock lock(&mutex_);
  const bool too_long = absl::Now() + wait - *failing_since_ > options_.give_up_after;
  if (remedy == Remedy::kGiveUp || too_long) {
    end_ =
        absl::Status(status.ok() ? absl::StatusCode::kUnavailable : status.code(),
                     absl::StrCat("ingest to ", connection_->target(), ": ", window_.event_count(),
                                  " events are without a result: ", std::string(status.message())));
    return false;
  }
  const absl::Time until = absl::Now() + wait;
  while (!Done() && absl::Now() < until) changed_.WaitWithDeadline(&mutex_, until);
  return !Done();
}

Ingester::Ingester(const Client& client, const IngestOptions& options, OnOutcome on_outcome)
    : impl_(std::make_unique<Impl>(client.connection(), options, std::move(on_outcome))) {}
Ingester::~Ingester() = default;

absl::Status Ingester::Send(v1::Event event) { return impl_->Send(std::move(event)); }
absl::Status Ingester::Finish() { return impl_->Finish(); }
void Ingester::Cancel() { impl_->Cancel(); }
IngestProgress Ingester::progress() const { return impl_->progress(); }

}  // namespace mixmatch::client
