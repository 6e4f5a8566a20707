// Which episode each event is of, and when and where that was, in memory, as far as it cannot
// change any more: every answer of a recall asks for one, and a filter of episodes for as many
// events as pass it. 4 bytes an event, 32 an episode.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/ids.h"
#include "core/episodes/episode.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class SettledEpisodes {
 public:
  // The episodes of those of `events` that are below `settled`, in their order; of what is of none
  // nothing. Reads what is not known yet. Requires that the episodes of events below `settled`
  // are closed and never change but for members that are forgotten. DATA_LOSS.
  absl::StatusOr<std::vector<EpisodeId>> Of(const Database::Impl& database, Seq settled,
                                            std::span<const Seq> events);
  // The episode of an event, where it is known without reading; 0 where it is not, or of none.
  EpisodeId Known(Seq seq) const;
  // An episode without its members, where it is known without reading.
  std::optional<Episode> Header(EpisodeId id) const;
  // Reads of what is below `settled` some of what is not known yet. Returns whether there is more.
  // DATA_LOSS.
  absl::StatusOr<bool> ReadSome(const Database::Impl& database, Seq settled);

 private:
  struct Settled {
    EpisodeId id = 0;
    int64_t start_ns = 0;
    int64_t end_ns = 0;
    uint32_t scene = 0;  // in scenes_
    bool late = false;
    bool probe = false;
    bool is_read = false;  // else its id alone is known
  };
  // What is read outside of the lock.
  struct Fresh {
    std::vector<EpisodeId> of_events;
    std::deque<Settled> episodes;  // those of which `of_events` are, each once; scenes by `names`
    std::vector<std::string> names;
  };

  Seq first_unknown() const;
  // Reads what is not known yet below `end`, on its own, and then shows it.
  absl::Status ReadUpTo(const Database::Impl& database, Seq end);
  void Show(Fresh fresh);
  // The number of a scene's name; none where there are too many of them.
  std::optional<uint32_t> SceneOf(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex reading_mu_ ABSL_ACQUIRED_BEFORE(mu_);  // held across reads: one thread at a time
  mutable absl::Mutex mu_;
  // Of the event with sequence number i + 1 the place of its episode, from 1; 0 where it has none.
  std::vector<uint32_t> places_ ABSL_GUARDED_BY(mu_);
  std::deque<Settled> episodes_ ABSL_GUARDED_BY(mu_);  // grows without moving what is there
  std::vector<std::string> scenes_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, uint32_t> scene_numbers_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
