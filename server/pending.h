// What is stored and not yet where a recall looks for it, and whether what a start found missing
// has been made again.
//
// Takes how far binding and embedding are; tells answers and the status what they leave out.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "core/base/ids.h"
#include "core/generations/embedding_space.h"
#include "core/generations/generations.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch {

// How far everything is. They are read in this order, so that nothing is taken to be farther than
// what it is held against.
struct Reached {
  SpaceCursor embedded;  // of the space that answers
  Seq next_bound = 1;    // entries below this are bound
  uint64_t closed = 0;   // closed episodes
  Seq durable = 0;       // the last entry that is stored
};

struct Pending {
  uint64_t events = 0;          // not embedded
  uint64_t unbound_events = 0;  // in no episode yet
  uint64_t episodes = 0;        // closed and not embedded

  bool any() const { return events > 0 || unbound_events > 0 || episodes > 0; }
  friend bool operator==(const Pending&, const Pending&) = default;
};

Reached ReachedNow(const Space& space, const EpisodeTable& episodes, const EventLog& log);
Pending PendingOf(const Reached& reached);

// Whether everything that was stored when the daemon started is where a recall looks for it. After
// an ordinary end at rest it is; after a crash or an end under load, or where derived data was
// damaged and dropped, it is made first, and until then answers are not whole.
// Thread-safety: Safe for concurrent use.
class CatchUp {
 public:
  // `durable`: the last entry that is stored at the start. `dropped`: why the serving space was
  // dropped when it was opened, which the log tells; OK when it was not.
  CatchUp(Seq durable, const absl::Status& dropped);

  // OK once all is made again, and from then on; UNAVAILABLE, with what is left, until then.
  absl::Status Check(const Reached& reached);

 private:
  const Seq durable_;
  const absl::Status dropped_;

  absl::Mutex mu_;
  bool done_ ABSL_GUARDED_BY(mu_) = false;
  // Episodes that had closed when all was bound; later ones are not waited for.
  std::optional<uint64_t> closed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
