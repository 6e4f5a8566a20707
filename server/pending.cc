// What is behind is a difference of positions; what was missing at the start has fixed ends.
#include "server/pending.h"

#include <spdlog/spdlog.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace mixmatch {
namespace {

uint64_t Left(uint64_t end, uint64_t next) { return end > next ? end - next : 0; }

}  // namespace

Reached ReachedNow(const Space& space, const EpisodeTable& episodes, const EventLog& log) {
  Reached reached;
  reached.embedded = space.embeddings->cursor();
  reached.next_bound = episodes.next_seq();
  reached.closed = episodes.closed_count();
  reached.durable = log.last_seq();
  return reached;
}

Pending PendingOf(const Reached& reached) {
  return {.events = Left(reached.durable + 1, reached.embedded.next_seq),
          .unbound_events = Left(reached.durable + 1, reached.next_bound),
          .episodes = Left(reached.closed, reached.embedded.next_closed)};
}

CatchUp::CatchUp(Seq durable, const absl::Status& dropped) : durable_(durable), dropped_(dropped) {
  if (!dropped.ok()) {
    spdlog::warn("embeddings are made again: {}", std::string(dropped.message()));
  }
}

absl::Status CatchUp::Check(const Reached& reached) {
  const absl::MutexLock lock(&mu_);
  if (done_) return absl::OkStatus();
  Reached since_start = reached;
  since_start.durable = durable_;
  if (reached.next_bound > durable_ && !closed_) closed_ = reached.closed;
  since_start.closed = closed_.value_or(reached.closed);
  const Pending left = PendingOf(since_start);
  if (!left.any()) {
    done_ = true;
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat(
      "answers are not whole yet: of ", durable_, " stored entries ", left.events,
      " are still to be embedded and ", left.unbound_events, " to be bound, and ", left.episodes,
      " closed episodes to be embedded; wait until that is done",
      dropped_.ok() ? "" : absl::StrCat(" (embeddings are made again: ", dropped_.message(), ")")));
}

}  // namespace mixmatch
