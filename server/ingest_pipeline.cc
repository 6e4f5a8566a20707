// Callers' queues, then one of slots in the order of the log: sensed out of order, written in
// order.
#include "server/ingest_pipeline.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "core/base/thread_priority.h"

namespace mixmatch {
namespace {

// One group: large enough to share a sync, small enough to keep its latency.
constexpr size_t kGroupEventsMax = 1024;
constexpr size_t kGroupBytesMax = 8 << 20;
constexpr size_t kEventOverheadBytes = 512;
// Texts and vectors of so many bytes are sensed where they arrive: another thread's turn would take
// longer than the work.
constexpr size_t kSensedAtOnceBytes = 4 << 10;

// What a caller's turn lets in: some small events, or a part of a large one.
constexpr uint64_t kTurnBytes = 64 << 10;
// What an event costs beside its payload, in the same unit: it is written and bound.
constexpr uint64_t kEventCost = 8 << 10;

// So far ahead of the writer events are let in: enough for senses and writer to be busy all the
// time, and little enough for a caller's turn to come soon.
constexpr absl::Duration kAhead = absl::Milliseconds(25);
constexpr uint64_t kAheadMin = 64;
constexpr uint64_t kAheadMax = kGroupEventsMax;
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

bool SensedAtOnce(const Event& event, size_t bytes) {
  if (bytes > kEventOverheadBytes + kSensedAtOnceBytes) return false;
  return std::all_of(event.percepts.begin(), event.percepts.end(), [](const Percept& percept) {
    return std::holds_alternative<TextPayload>(percept.payload) ||
           std::holds_alternative<VectorPayload>(percept.payload);
  });
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

IngestPipeline::IngestPipeline(const Config& config, const Parts& parts,
                               std::function<void()> appended)
    : config_(config),
      event_limits_(EventLimitsOf(config)),
      sense_limits_(SenseLimitsOf(config)),
      parts_(parts),
      appended_(std::move(appended)),
      rates_({.events_per_second = config.limits.client_events_per_second,
              .bytes_per_second = config.limits.client_bytes_per_second}),
      waiting_(kTurnBytes),
      patience_(config.limits.call_wait, SteadyNow()),
      calls_serving_(config.limits.call_wait / 10, SteadyNow()),
      sensing_(std::make_unique<WorkerPool>(
          WorkerPoolOptions{.name = "sense",
                            .threads = config.threads.sense,
                            .queue_max = config.limits.queue_events + 1})),
      writer_([this] { Write(); }) {}

IngestPipeline::~IngestPipeline() {
  {
    const absl::MutexLock lock(&mu_);
    ending_ = true;
  }
  writer_.join();
}

void IngestPipeline::Submit(const Caller& caller, Event event, Done done) {
  const std::shared_ptr<Slot> slot =
      MakeSlot(caller, /*urgent=*/false, std::move(event), std::move(done));
  Push(caller.lane, {&slot, 1});
}

void IngestPipeline::SubmitCall(const Caller& caller, std::vector<Event> events, CallDone done) {
  const auto shared = std::make_shared<const CallDone>(std::move(done));
  std::vector<std::shared_ptr<Slot>> slots;
  slots.reserve(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    slots.push_back(MakeSlot(caller, /*urgent=*/true, std::move(events[i]),
                             [shared, i](const AppendResult& result) { (*shared)(i, result); }));
  }
  Push(caller.lane, slots);
}

std::shared_ptr<IngestPipeline::Slot> IngestPipeline::MakeSlot(const Caller& caller, bool urgent,
                                                               Event event, Done done) {
  auto slot = std::make_shared<Slot>();
  slot->done = std::move(done);
  slot->lane = caller.lane;
  slot->urgent = urgent;
  const size_t bytes = PayloadBytes(event);
  slot->error = Admit(caller, event, bytes, urgent);
  if (slot->error.ok()) {
    slot->bytes = bytes;
    slot->pending.event = std::move(event);
    slot->sensed = SensedAtOnce(slot->pending.event, bytes);
    if (slot->sensed) slot->error = Sense(slot->pending);
  } else {
    slot->sensed = true;
  }
  return slot;
}

void IngestPipeline::SubmitIdleClose(std::string scene) {
  auto slot = std::make_shared<Slot>();
  slot->is_idle_record = true;
  slot->idle_scene = std::move(scene);
  slot->sensed = true;
  const absl::MutexLock lock(&mu_);
  slot->number = ++last_number_;
  idle_.push_back(std::move(slot));
  Feed();
}

void IngestPipeline::Push(uint64_t lane, std::span<const std::shared_ptr<Slot>> slots) {
  const absl::Time now = SteadyNow();
  const absl::MutexLock lock(&mu_);
  if (waiting_.empty()) patience_.NoteEmpty(now);
  for (const std::shared_ptr<Slot>& slot : slots) {
    slot->since = now;
    slot->number = ++last_number_;
    waiting_numbers_.insert(slot->number);
    waiting_.Push(lane, slot->urgent, slot, slot->bytes + kEventCost);
  }
  Feed();
}

void IngestPipeline::FeedIdle() {
  while (!idle_.empty() &&
         (waiting_numbers_.empty() || *waiting_numbers_.begin() > idle_.front()->number)) {
    slots_.push_back(std::move(idle_.front()));
    idle_.pop_front();
  }
}

void IngestPipeline::Feed() {
  const absl::Time now = SteadyNow();
  const uint64_t ahead = std::clamp(EventsWithin(kAhead), kAheadMin, kAheadMax);
  while (slots_.size() < ahead && let_in_bytes_ < 2 * kGroupBytesMax) {
    FeedIdle();
    std::optional<std::shared_ptr<Slot>> next = waiting_.Pop();
    if (!next) {
      patience_.NoteEmpty(now);
      return;
    }
    const std::shared_ptr<Slot>& slot = slots_.emplace_back(*std::move(next));
    waiting_numbers_.erase(slot->number);
    let_in_bytes_ += slot->bytes;
    if (!slot->error.ok()) continue;
    if (slot->urgent && now - slot->since > Patience(now)) {
      patience_.NoteLate(now);
      slot->error = absl::ResourceExhaustedError(
          "event not stored: it waited too long for its turn, as others do; send it again later");
    } else if (!slot->sensed) {
      slot->error = sensing_->Submit([this, slot](bool) {
        absl::Status error = Sense(slot->pending);
        const absl::MutexLock lock(&mu_);
        slot->error = std::move(error);
        slot->sensed = true;
      });
    }
    slot->sensed = slot->sensed || !slot->error.ok();
  }
}

absl::Duration IngestPipeline::Patience(absl::Time now) const {
  const absl::Duration patience = patience_.Patience(now);
  if (!waiting_.has_streams()) return patience;
  // What is let in ahead is theirs: the next turn is once that is written.
  return std::min(std::max(patience, kAhead + pace_.write()), config_.limits.call_wait);
}

uint64_t IngestPipeline::EventsWithin(absl::Duration time) const {
  return pace_.is_known() ? pace_.EventsWithin(time) : kAheadMin;
}

absl::Status IngestPipeline::Sense(PendingEvent& pending) const {
  const std::vector<Percept>& percepts = pending.event.percepts;
  for (size_t i = 0; i < percepts.size(); ++i) {
    absl::StatusOr<Features> features = Perceive(percepts[i], sense_limits_);
    if (!features.ok()) return PrefixField(features.status(), absl::StrCat("percepts[", i, "]"));
    pending.features.push_back(*std::move(features));
  }
  return absl::OkStatus();
}

std::vector<std::shared_ptr<IngestPipeline::Slot>> IngestPipeline::NextGroup() {
  const absl::MutexLock lock(&mu_);
  const auto ready = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return slots_.empty() ? ending_ && waiting_.empty() && idle_.empty() : slots_.front()->sensed;
  };
  mu_.Await(absl::Condition(&ready));
  std::vector<std::shared_ptr<Slot>> group;
  size_t bytes = 0;
  while (!slots_.empty() && slots_.front()->sensed && group.size() < kGroupEventsMax &&
         bytes < kGroupBytesMax) {
    bytes += slots_.front()->bytes;
    let_in_bytes_ -= slots_.front()->bytes;
    group.push_back(std::move(slots_.front()));
    slots_.pop_front();
  }
  if (!group.empty()) {
    const absl::Time now = SteadyNow();
    patience_.NoteServed(now);
    calls_serving_.NoteServed(now);
  }
  Feed();
  return group;
}

void IngestPipeline::Write() {
  NameThread("log");
  for (auto group = NextGroup(); !group.empty(); group = NextGroup()) {
    Commit(group);
    CommitIdle(group);
  }
}

void IngestPipeline::Commit(const std::vector<std::shared_ptr<Slot>>& group) {
  std::vector<PendingEvent> events;
  for (const auto& slot : group) {
    if (!slot->is_idle_record && slot->error.ok()) events.push_back(std::move(slot->pending));
  }
  const size_t event_count = events.size();
  const absl::Time begun = SteadyNow();
  absl::StatusOr<std::vector<AppendResult>> results = std::vector<AppendResult>();
  if (event_count > 0) results = parts_.log->Append(std::move(events), parts_.clock->Now());
  const absl::Duration write = parts_.log->last_write_time();
  const bool wrote = event_count > 0 && results.ok();
  size_t next = 0;
  uint64_t bytes = 0;
  uint64_t admitted = 0;
  for (const auto& slot : group) {
    if (slot->is_idle_record) continue;
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
  const absl::Time ended = SteadyNow();
  const absl::Duration work = ended - begun - write;
  {
    const absl::MutexLock lock(&mu_);
    busy_.NoteWork(begun, ended);
    events_inside_ -= admitted;
    bytes_inside_ -= bytes;
    for (const auto& slot : group) {
      if (slot->bytes == 0) continue;  // was never let in
      if (slot->urgent) --call_events_;
      const auto own = inside_.find(slot->lane);
      own->second.bytes -= slot->bytes;
      if (--own->second.events == 0) inside_.erase(own);
    }
    if (call_events_ == 0) calls_serving_.NoteEmpty(ended);
    if (wrote && write > absl::ZeroDuration()) {
      pace_.NoteGroup(event_count, write, work);
    }
  }
  if (wrote) appended_();
}

void IngestPipeline::CommitIdle(const std::vector<std::shared_ptr<Slot>>& group) {
  std::vector<std::string> scenes;
  for (const auto& slot : group) {
    if (slot->is_idle_record) scenes.push_back(std::move(slot->idle_scene));
  }
  if (scenes.empty()) return;
  const absl::Time begun = SteadyNow();
  // The follower asks again for those that fail.
  const bool wrote = parts_.log->AppendIdleCloses(scenes, parts_.clock->Now()).ok();
  {
    const absl::MutexLock lock(&mu_);
    busy_.NoteWork(begun, SteadyNow());
  }
  if (wrote) appended_();
}

}  // namespace mixmatch
