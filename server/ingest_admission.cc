// What may come in: room for each lane, turns for calls where there is too much to do, and no more
// than is followed.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "server/ingest_pipeline.h"

namespace mixmatch {
namespace {

// So many events of calls may be inside, whatever each takes: those that are sensed meanwhile.
constexpr uint64_t kCallEventsMin = 16;
// Turns that a lane has in the longest time that a call waits.
constexpr int kTurnsAWait = 5;
constexpr size_t kTurnsKept = 1024;
// Who is refused while the writer works less than so much is no sign that more comes than it can
// store: it may be two calls that came at once.
constexpr double kBusy = 0.5;

// Of what a call may wait, the part that the work of those inside may take.
constexpr int kRoomPart = 4;
// For each moment that calls were inside a burst has so many moments less of that.
constexpr int kBurstEnds = 5;
// And then as much as so many writes take, so that nobody is refused where the writer works for
// less than four fifths of the time, or as many calls as these are inside, however large.
constexpr int kWrites = 4;
constexpr uint64_t kCalls = 8;

// What is stored by calls is to be recallable within this time, unless there is little of it.
constexpr absl::Duration kSoon = absl::Seconds(2);
constexpr uint64_t kSoonMin = 8192;
// Following that fails for less is gone on with.
constexpr absl::Duration kFailsFor = absl::Seconds(2);

absl::Status FollowingIsBehind(uint64_t backlog) {
  return absl::ResourceExhaustedError(
      absl::StrCat("event not stored: ", backlog,
                   " stored events wait to become recallable; send it again later"));
}

absl::Status QueueFull(uint64_t events, uint64_t bytes) {
  return absl::ResourceExhaustedError(absl::StrCat("event not stored: ", events, " events with ",
                                                   bytes,
                                                   " bytes wait already; send it again later"));
}

}  // namespace

absl::Status IngestPipeline::Admit(const Caller& caller, Event& event, size_t bytes, bool urgent) {
  MM_RETURN_IF_ERROR(ValidateEvent(event_limits_, parts_.clock->Now(), event));
  MM_RETURN_IF_ERROR(parts_.disk->Check("event not stored"));
  MM_RETURN_IF_ERROR(parts_.memory->CheckStore("event not stored"));
  const uint64_t backlog = Backlog();
  if (backlog >= config_.limits.backlog_events) return FollowingIsBehind(backlog);
  MM_RETURN_IF_ERROR(rates_.Take(caller.client, bytes, SteadyNow()));
  return TakeRoom(caller.lane, bytes, urgent);
}

absl::Status IngestPipeline::TakeRoom(uint64_t lane, size_t bytes, bool urgent) {
  const absl::MutexLock lock(&mu_);
  const uint64_t most = config_.limits.queue_events;
  const uint64_t most_bytes = config_.limits.queue_bytes;
  const auto found = inside_.find(lane);
  const Load own = found == inside_.end() ? Load{} : found->second;
  const uint64_t lanes = inside_.size() + (found == inside_.end() ? 1 : 0);
  const bool above_share =
      (events_inside_ > most / 2 && own.events >= std::max<uint64_t>(1, most / lanes)) ||
      (bytes_inside_ > most_bytes / 2 && own.events > 0 && own.bytes + bytes > most_bytes / lanes);
  if (events_inside_ >= most || bytes_inside_ + bytes > most_bytes || above_share) {
    return QueueFull(events_inside_, bytes_inside_);
  }
  ++events_inside_;
  if (urgent) ++call_events_;
  bytes_inside_ += bytes;
  Load& taken = inside_[lane];
  ++taken.events;
  taken.bytes += bytes;
  return absl::OkStatus();
}

uint64_t IngestPipeline::Backlog() const {
  const Seq recallable = recallable_;
  const Seq durable = parts_.log->last_seq();
  return durable - std::min(durable, recallable);
}

uint64_t IngestPipeline::FollowedSoon() const {
  return std::min(std::max(rate_.Within(kSoon), kSoonMin), config_.limits.backlog_soft_events);
}

void IngestPipeline::SetFollowed(Seq recallable, bool goes_on) {
  const absl::Time now = SteadyNow();
  recallable_ = recallable;
  rate_.Note(recallable, now);
  if (goes_on) went_on_ = now;
  goes_on = now - went_on_ < kFailsFor;
  follows_closely_ = goes_on && (follows_closely_ || Backlog() < FollowedSoon());
  follows_ = goes_on && (follows_ || Backlog() < config_.limits.backlog_soft_events);
}

bool IngestPipeline::HoldsBack() const {
  return follows_ && Backlog() >= config_.limits.backlog_soft_events;
}

absl::Status IngestPipeline::CheckTurn(const Caller& caller, uint64_t events) {
  const absl::MutexLock lock(&mu_);
  const absl::Time now = SteadyNow();
  const uint64_t backlog = Backlog();
  const uint64_t soft = config_.limits.backlog_soft_events;
  if (follows_ && backlog >= soft && backlog - soft >= config_.limits.queue_events) {
    return FollowingIsBehind(backlog);
  }
  const absl::Duration wait = config_.limits.call_wait;
  if (wait == absl::InfiniteDuration()) return absl::OkStatus();
  if (waiting_.empty()) patience_.NoteEmpty(now);
  if (call_events_ == 0) calls_serving_.NoteEmpty(now);
  // Streams that are held back keep following that far behind: calls have their turns beside them.
  const bool behind = (follows_closely_ && backlog + call_events_ >= FollowedSoon()) ||
                      (follows_ && backlog >= soft);
  if (behind) behind_at_ = now;
  const bool too_much = patience_.Stands(now) || now - behind_at_ < wait;
  const bool busy = busy_.At(now) > kBusy;
  const bool few = !inside_.contains(caller.lane) || call_events_ <= kCalls * events;
  if (!too_much && (few || !busy)) return absl::OkStatus();
  const uint64_t room = std::max(EventsWithin(Room(too_much, now)), kCallEventsMin);
  const bool fits = !behind && (call_events_ == 0 || call_events_ + events <= room);
  if (fits || IsDue(caller.lane, now)) {
    if (too_much) turns_[caller.lane] = now;
    return absl::OkStatus();
  }
  if (behind) return FollowingIsBehind(backlog);
  if (busy) patience_.NoteRefused(now);
  return absl::ResourceExhaustedError(
      absl::StrCat("event not stored: ", call_events_,
                   " events of calls wait, and more come than can be stored; send it again later"));
}

absl::Duration IngestPipeline::Room(bool too_much, absl::Time now) const {
  // Who was behind a moment ago gets no burst of what was refused since.
  if (now - behind_at_ < config_.limits.call_wait) return patience_.least() / kRoomPart;
  if (too_much) return patience_.Patience(now) / kRoomPart;
  const absl::Duration burst = config_.limits.call_wait - kBurstEnds * calls_serving_.time();
  return std::max(burst / kRoomPart, kWrites * pace_.write());
}

bool IngestPipeline::IsDue(uint64_t lane, absl::Time now) {
  const absl::Duration turn_after = config_.limits.call_wait / kTurnsAWait;
  if (turns_.size() > kTurnsKept) {
    std::erase_if(turns_, [&](const auto& turn) { return now - turn.second > turn_after; });
  }
  const auto turn = turns_.find(lane);
  return !inside_.contains(lane) && (turn == turns_.end() || now - turn->second > turn_after);
}

}  // namespace mixmatch
