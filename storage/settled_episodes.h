// Which episode each event is of, in memory, as far as it cannot change any more: every answer of a
// recall asks for one, and a filter of episodes for as many events as pass it.
#pragma once

#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/ids.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class SettledEpisodes {
 public:
  // The episodes of those of `events` that are below `settled`, in their order; of what is of none
  // nothing. Reads what is not known yet. Requires that the episodes of events below `settled`
  // never change. DATA_LOSS.
  absl::StatusOr<std::vector<EpisodeId>> Of(const Database::Impl& database, Seq settled,
                                            std::span<const Seq> events);
  // The episode of an event, where it is known without reading; 0 where it is not, or of none.
  EpisodeId Known(Seq seq) const;
  // Reads of what is below `settled` some of what is not known yet. Returns whether there is more.
  // DATA_LOSS.
  absl::StatusOr<bool> ReadSome(const Database::Impl& database, Seq settled);

 private:
  Seq first_unknown() const;
  // Reads what is not known yet below `end`, on its own, and then shows it.
  absl::Status ReadUpTo(const Database::Impl& database, Seq end);

  mutable absl::Mutex mu_;
  // Of the event with sequence number i + 1; 0 where there is none.
  std::vector<EpisodeId> episodes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
