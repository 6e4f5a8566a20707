// The small memory's books: identities, sequence numbers, watermarks, and broken streams.
#include "tests/clients/memory_server.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace mixmatch::client {

MemoryServer::MemoryServer(const MemoryServerOptions& options) : options_(options) {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(absl::StrCat("127.0.0.1:", options.port),
                           grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(static_cast<v1::Memory::Service*>(this));
  builder.RegisterService(static_cast<v1::Admin::Service*>(this));
  if (options.message_bytes_max > 0) builder.SetMaxReceiveMessageSize(options.message_bytes_max);
  server_ = builder.BuildAndStart();
  target_ = absl::StrCat("127.0.0.1:", port);
  learner_ = std::thread([this] { Learn(); });
}

MemoryServer::~MemoryServer() {
  stopping_ = true;
  server_->Shutdown(absl::ToChronoTime(absl::Now()));
  learner_.join();
}

std::vector<v1::StoredEvent> MemoryServer::events() const {
  absl::MutexLock lock(&mutex_);
  return events_;
}

std::map<std::string, int> MemoryServer::received() const {
  absl::MutexLock lock(&mutex_);
  return received_;
}

uint64_t MemoryServer::unlearned_max() const {
  absl::MutexLock lock(&mutex_);
  return unlearned_max_;
}

bool MemoryServer::paused() const {
  absl::MutexLock lock(&mutex_);
  return paused_;
}

void MemoryServer::Learn() {
  while (!stopping_) {
    {
      absl::MutexLock lock(&mutex_);
      const uint64_t most = options_.learn_events == 0 ? events_.size() : options_.learn_events;
      if (!paused_) learned_ = std::min<uint64_t>(events_.size(), learned_ + most);
    }
    absl::SleepFor(options_.learn_every);
  }
}

v1::Watermarks MemoryServer::Watermarks() const {
  v1::Watermarks marks;
  marks.set_durable(events_.size());
  marks.set_recallable(events_.size());
  marks.set_learned(learned_);
  marks.set_served_learned(learned_);
  marks.set_generation(generation_);
  return marks;
}

const v1::StoredEvent* MemoryServer::Find(const v1::EventKey& key) const {
  const auto found = places_.find({key.source(), key.event_id()});
  return found == places_.end() ? nullptr : &events_[found->second];
}

v1::IngestResult MemoryServer::Store(const v1::Event& event) {
  absl::MutexLock lock(&mutex_);
  v1::IngestResult result;
  result.set_event_count(1);
  result.set_outcome(v1::IngestResult::REJECTED);
  const int times = ++received_[event.event_id()];
  uint64_t number = 0;
  if (options_.exhausted_every > 0 && times == 1 && absl::SimpleAtoi(event.event_id(), &number) &&
      number % options_.exhausted_every == 0) {
    result.mutable_error()->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
    const int64_t delay_ms = absl::ToInt64Milliseconds(options_.retry_delay);
    result.mutable_error()->mutable_retry_delay()->set_nanos(static_cast<int>(delay_ms) * 1000000);
    return result;
  }
  if (event.percepts().empty()) {
    result.mutable_error()->set_code(grpc::StatusCode::INVALID_ARGUMENT);
    result.mutable_error()->set_field("percepts");
    result.mutable_error()->set_message("percepts: there are none; give at least one");
    return result;
  }
  v1::EventKey key;
  key.set_source(event.source());
  key.set_event_id(event.event_id());
  if (const v1::StoredEvent* const known = Find(key)) {
    if (known->event().SerializeAsString() == event.SerializeAsString()) {
      result.set_outcome(v1::IngestResult::DUPLICATE);
      result.set_first_sequence(known->sequence());
      return result;
    }
    result.mutable_error()->set_code(grpc::StatusCode::ALREADY_EXISTS);
    result.mutable_error()->set_field("event_id");
    result.mutable_error()->set_message("event_id: stored with other content; give another id");
    return result;
  }
  places_[{event.source(), event.event_id()}] = events_.size();
  v1::StoredEvent& stored = events_.emplace_back();
  *stored.mutable_event() = event;
  stored.set_sequence(events_.size());
  stored.set_episode_id(events_.size());
  unlearned_max_ = std::max<uint64_t>(unlearned_max_, events_.size() - learned_);
  result.set_outcome(v1::IngestResult::STORED);
  result.set_first_sequence(stored.sequence());
  return result;
}

grpc::Status MemoryServer::Ingest(Context* context, IngestStream* stream) {
  const bool breaks = static_cast<int>(stream_count_++) < options_.breaks;
  v1::IngestRequest request;
  uint64_t index = 0;
  v1::IngestResponse response;
  while (stream->Read(&request)) {
    v1::IngestResult result = Store(request.event());
    result.set_first_index(index++);
    const bool silent = breaks && index + options_.unreported_events > options_.break_after_events;
    if (breaks && index >= options_.break_after_events) {
      return {grpc::StatusCode::UNAVAILABLE, "the connection broke"};
    }
    if (silent) continue;
    response.Clear();
    *response.add_results() = result;
    {
      absl::MutexLock lock(&mutex_);
      *response.mutable_watermarks() = Watermarks();
    }
    stream->Write(response);
  }
  // gRPC ends a stream with a message that is too large by itself; the handler sees a cancellation.
  return context->IsCancelled() ? grpc::Status::CANCELLED : grpc::Status::OK;
}

grpc::Status MemoryServer::IngestBatch(Context* context, const v1::IngestBatchRequest* request,
                                       v1::IngestBatchResponse* response) {
  (void)context;
  for (int i = 0; i < request->events_size(); ++i) {
    v1::IngestResult result = Store(request->events(i));
    result.set_first_index(static_cast<uint64_t>(i));
    *response->add_results() = result;
  }
  absl::MutexLock lock(&mutex_);
  *response->mutable_watermarks() = Watermarks();
  return grpc::Status::OK;
}

}  // namespace mixmatch::client
