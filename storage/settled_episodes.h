// Which episode each event is of, in memory, as far as it cannot change any more: a filter of
// episodes asks for as many events as pass it, with every recall.
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

 private:
  absl::Status ReadUpTo(const Database::Impl& database, Seq settled);

  absl::Mutex mu_;
  // Of the event with sequence number i + 1; 0 where there is none.
  std::vector<EpisodeId> episodes_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
