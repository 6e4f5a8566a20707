// A queue of slots in order of submission: sensed out of order, written in order.
#include "server/ingest_pipeline.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

// One group: large enough to share a sync, small enough to keep its latency.
constexpr size_t kGroupEventsMax = 1024;
constexpr size_t kGroupBytesMax = 8 << 20;
constexpr size_t kEventOverheadBytes = 512;

struct PayloadSize {
  size_t operator()(const std::monostate&) const { return 0; }
  size_t operator()(const TextPayload& p) const { return p.text.size(); }
  size_t operator()(const AudioPayload& p) const { return p.data.size(); }
  size_t operator()(const ImagePayload& p) const { return p.data.size(); }
  size_t operator()(const VideoPayload& p) const { return p.data.size(); }
  size_t operator()(const SeriesPayload& p) const {
    return p.values.size() * sizeof(float) + p.times_s.size() * sizeof(double);
  }
  size_t operator()(const VectorPayload& p) const { return p.values.size() * sizeof(float); }
};

absl::Status QueueFull(uint64_t events, uint64_t bytes) {
  return absl::ResourceExhaustedError(absl::StrCat("event not stored: ", events, " events with ",
                                                   bytes,
                                                   " bytes wait already; send it again later"));
}

}  // namespace

EventLimits EventLimitsOf(const Config& config) {
  EventLimits limits;
  limits.percepts_max = config.limits.percepts_per_event;
  limits.payload_bytes_max = config.limits.payload_bytes;
  limits.text_bytes_max = config.limits.text_bytes;
  limits.metadata_bytes_max = config.limits.metadata_bytes;
  limits.ahead_max = config.limits.event_ahead;
  return limits;
}

SenseLimits SenseLimitsOf(const Config& config) {
  SenseLimits limits;
  limits.image_pixels_max = config.limits.image_pixels;
  limits.audio_seconds_max = static_cast<double>(config.limits.audio_seconds);
  return limits;
}

size_t PayloadBytes(const Event& event) {
  size_t bytes = kEventOverheadBytes;
  for (const Percept& percept : event.percepts) bytes += std::visit(PayloadSize{}, percept.payload);
  return bytes;
}

IngestPipeline::IngestPipeline(const Config& config, EventLog* log, const DiskGuard* disk,
                               const Clock* clock, std::function<void()> appended)
    : config_(config),
      event_limits_(EventLimitsOf(config)),
      sense_limits_(SenseLimitsOf(config)),
      log_(log),
      disk_(disk),
      clock_(clock),
      appended_(std::move(appended)),
      sensing_(std::make_unique<WorkerPool>(config.threads.sense, config.limits.queue_events + 1,
                                            [] {})),
      writer_([this] { Write(); }) {}

IngestPipeline::~IngestPipeline() {
  sensing_.reset();  // senses what is queued
  {
    const absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  writer_.join();
}

void IngestPipeline::Submit(Event event, Done done) {
  auto slot = std::make_shared<Slot>();
  slot->done = std::move(done);
  const size_t bytes = PayloadBytes(event);
  slot->error = Admit(event, bytes);
  if (!slot->error.ok()) {
    slot->sensed = true;
    Push(std::move(slot));
    return;
  }
  slot->bytes = bytes;
  slot->pending.event = std::move(event);
  Push(slot);
  if (!sensing_->Submit([this, slot] { Sense(slot); })) {
    const absl::MutexLock lock(&mu_);
    slot->error = absl::UnavailableError("event not stored: shutting down; send it again");
    slot->sensed = true;
  }
}

void IngestPipeline::SubmitIdleClose(std::string scene) {
  auto slot = std::make_shared<Slot>();
  slot->is_idle_record = true;
  slot->idle_scene = std::move(scene);
  slot->sensed = true;
  Push(std::move(slot));
}

absl::Status IngestPipeline::Admit(Event& event, size_t bytes) {
  MM_RETURN_IF_ERROR(ValidateEvent(event_limits_, clock_->Now(), event));
  MM_RETURN_IF_ERROR(disk_->Check("event not stored"));
  const uint64_t backlog = backlog_.load(std::memory_order_relaxed);
  if (backlog >= config_.limits.backlog_events) {
    return absl::ResourceExhaustedError(
        absl::StrCat("event not stored: ", backlog,
                     " stored events wait to become recallable; send it again later"));
  }
  const absl::MutexLock lock(&mu_);
  if (events_inside_ >= config_.limits.queue_events ||
      bytes_inside_ + bytes > config_.limits.queue_bytes) {
    return QueueFull(events_inside_, bytes_inside_);
  }
  ++events_inside_;
  bytes_inside_ += bytes;
  return absl::OkStatus();
}

void IngestPipeline::Push(std::shared_ptr<Slot> slot) {
  const absl::MutexLock lock(&mu_);
  slots_.push_back(std::move(slot));
}

void IngestPipeline::Sense(const std::shared_ptr<Slot>& slot) {
  absl::Status error;
  std::vector<Percept>& percepts = slot->pending.event.percepts;
  for (size_t i = 0; i < percepts.size() && error.ok(); ++i) {
    absl::StatusOr<Features> features = Perceive(percepts[i], sense_limits_);
    if (features.ok()) {
      slot->pending.features.push_back(*std::move(features));
    } else {
      error = PrefixField(features.status(), absl::StrCat("percepts[", i, "]"));
    }
  }
  const absl::MutexLock lock(&mu_);
  slot->error = std::move(error);
  slot->sensed = true;
}

std::vector<std::shared_ptr<IngestPipeline::Slot>> IngestPipeline::NextGroup() {
  const absl::MutexLock lock(&mu_);
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return slots_.empty() ? ending_ : slots_.front()->sensed;
  };
  mu_.Await(absl::Condition(&ready));
  std::vector<std::shared_ptr<Slot>> group;
  size_t bytes = 0;
  while (!slots_.empty() && slots_.front()->sensed && group.size() < kGroupEventsMax &&
         bytes < kGroupBytesMax) {
    bytes += slots_.front()->bytes;
    group.push_back(std::move(slots_.front()));
    slots_.pop_front();
  }
  return group;
}

void IngestPipeline::Write() {
  for (auto group = NextGroup(); !group.empty(); group = NextGroup()) Commit(group);
}

void IngestPipeline::Commit(const std::vector<std::shared_ptr<Slot>>& group) {
  std::vector<PendingEvent> events;
  for (const auto& slot : group) {
    if (!slot->is_idle_record && slot->error.ok()) events.push_back(std::move(slot->pending));
  }
  const size_t event_count = events.size();
  absl::StatusOr<std::vector<AppendResult>> results = std::vector<AppendResult>();
  if (event_count > 0) results = log_->Append(std::move(events), clock_->Now());
  bool wrote = event_count > 0 && results.ok();
  size_t next = 0;
  uint64_t bytes = 0;
  uint64_t admitted = 0;
  for (const auto& slot : group) {
    if (slot->is_idle_record) {
      // An idle record that fails is asked for again by the follower: nothing is lost.
      wrote = log_->AppendIdleClose(slot->idle_scene, clock_->Now()).ok() || wrote;
      continue;
    }
    AppendResult result;
    result.error = slot->error;
    if (slot->error.ok()) {
      if (results.ok()) {
        result = (*results)[next++];
      } else {
        result.error = results.status();
      }
    }
    if (slot->bytes > 0) {
      ++admitted;
      bytes += slot->bytes;
    }
    slot->done(result);
  }
  {
    const absl::MutexLock lock(&mu_);
    events_inside_ -= admitted;
    bytes_inside_ -= bytes;
  }
  if (wrote) appended_();
}

}  // namespace mixmatch
