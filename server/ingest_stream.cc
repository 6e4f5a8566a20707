// A small state machine: every event handler changes the state under the lock, then Pump() starts
// what the state allows.
#include "server/ingest_stream.h"

#include <utility>

#include "server/convert.h"

namespace mixmatch {

void AppendToResults(uint64_t index, const AppendResult& result,
                     google::protobuf::RepeatedPtrField<v1::IngestResult>& results) {
  if (result.outcome == AppendOutcome::kStored && !results.empty()) {
    v1::IngestResult& last = results[results.size() - 1];
    if (last.outcome() == v1::IngestResult::STORED &&
        last.first_sequence() + last.event_count() == result.seq) {
      last.set_event_count(last.event_count() + 1);
      return;
    }
  }
  v1::IngestResult& added = *results.Add();
  added.set_first_index(index);
  added.set_event_count(1);
  added.set_first_sequence(result.seq);
  switch (result.outcome) {
    case AppendOutcome::kStored:
      added.set_outcome(v1::IngestResult::STORED);
      break;
    case AppendOutcome::kDuplicate:
      added.set_outcome(v1::IngestResult::DUPLICATE);
      break;
    case AppendOutcome::kRejected:
      added.set_outcome(v1::IngestResult::REJECTED);
      added.set_first_sequence(0);
      *added.mutable_error() = ToEventError(result.error);
      break;
  }
}

IngestStream* IngestStream::Start(const Parts& parts) {
  const std::shared_ptr<IngestStream> stream(new IngestStream(parts));
  stream->self_ = stream;
  stream->subscription_ = parts.watermarks->Subscribe(
      [weak = std::weak_ptr<IngestStream>(stream)](const WatermarkValues& values) {
        if (const auto held = weak.lock()) held->OnWatermarks(values);
      });
  const absl::MutexLock lock(&stream->mu_);
  stream->has_next_ = true;
  stream->Pump();
  return stream.get();
}

void IngestStream::OnReadDone(bool ok) {
  Event event;
  uint64_t index = 0;
  {
    const absl::MutexLock lock(&mu_);
    if (!ok) {
      reading_ = false;
      ended_ = true;
      Pump();
      return;
    }
    index = received_++;
    ++in_flight_;
    event = FromProto(std::move(*request_.mutable_event()));
    request_.Clear();
  }
  parts_.pipeline->Submit(parts_.caller, std::move(event),
                          [self = shared_from_this(), index](const AppendResult& result) {
                            self->OnResult(index, result);
                          });
  // Only now may another thread's Pump() read on: events are submitted in the order of the stream.
  const absl::MutexLock lock(&mu_);
  reading_ = false;
  Pump();
}

void IngestStream::OnWriteDone(bool ok) {
  const absl::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok) broken_ = true;
  Pump();
}

void IngestStream::OnCancel() {
  const absl::MutexLock lock(&mu_);
  broken_ = true;
  ended_ = true;
  Pump();
}

void IngestStream::OnDone() {
  parts_.watermarks->Unsubscribe(subscription_);
  self_.reset();
}

void IngestStream::OnResult(uint64_t index, const AppendResult& result) {
  const absl::MutexLock lock(&mu_);
  --in_flight_;
  AppendToResults(index, result, *next_.mutable_results());
  has_next_ = true;
  Pump();
}

void IngestStream::OnWatermarks(const WatermarkValues& /*values*/) {
  const absl::MutexLock lock(&mu_);
  has_next_ = true;  // the write itself reads the watermarks
  Pump();
}

void IngestStream::Pump() {
  if (finished_) return;
  if (parts_.draining->load()) ended_ = true;
  if (!broken_ && !writing_ && has_next_) {
    writing_ = true;
    has_next_ = false;
    response_ = std::exchange(next_, {});
    *response_.mutable_watermarks() = ToProto(parts_.watermarks->Get());
    StartWrite(&response_);
  }
  // Refusals, each a result of its own, pile up where they are not read: nothing new is read then.
  const auto unread = static_cast<uint64_t>(next_.results_size());
  if (!ended_ && !reading_ && in_flight_ + unread < parts_.in_flight_max &&
      !parts_.pipeline->HoldsBack()) {
    reading_ = true;
    StartRead(&request_);
  }
  if (ended_ && in_flight_ == 0 && !writing_) {
    finished_ = true;
    Finish(parts_.draining->load()
               ? grpc::Status(grpc::StatusCode::UNAVAILABLE,
                              "stream ended: shutting down; send what has no result again")
               : grpc::Status::OK);
  }
}

}  // namespace mixmatch
