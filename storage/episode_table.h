// Episodes, which event is in which, the order of their closing, and the state of the binder:
// derived state, written together with the cursor of binding.
//
// Takes deltas from core/episodes; gives training episodes to core/learning and core/generations.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/episodes/binder.h"
#include "core/episodes/episode.h"
#include "core/learning/training_source.h"
#include "storage/database.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use; one thread at a time applies.
class EpisodeTable final : public TrainingSource {
 public:
  // Borrows database and log, which must outlive it. `percepts_max`: the most percepts of one
  // episode that Load returns (the first in sequence order).
  static absl::StatusOr<std::unique_ptr<EpisodeTable>> Open(Database* database, const EventLog* log,
                                                            size_t percepts_max);
  ~EpisodeTable() override;

  // The binder's state as of the last Apply, and the sequence that it reads next (1 when fresh).
  absl::StatusOr<BinderState> LoadBinder() const;
  Seq next_seq() const;

  // Stores what entries below `next_seq` changed: closed episodes get the next ordinals, touched
  // scenes their new state (with their open episodes), members their episode. One atomic write, not
  // synced: after a crash, binding goes on from the cursor and makes the same again.
  absl::Status Apply(const BindingDelta& delta, const BinderState& state, Seq next_seq);

  // One episode, open or closed. NOT_FOUND.
  absl::StatusOr<Episode> Get(EpisodeId id) const;
  // Episodes without their members, one for each of `ids`: from memory where KeepSettled has read
  // them, the others at once. NOT_FOUND, DATA_LOSS of each.
  std::vector<absl::StatusOr<Episode>> GetHeaders(std::span<const EpisodeId> ids) const;
  // The episode of an event; 0 while binding has not reached it. DATA_LOSS.
  absl::StatusOr<EpisodeId> EpisodeOf(Seq seq) const;
  // Reads into memory some of what cannot change any more of which event is of which episode (4
  // bytes an event), and of when and where that was (32 an episode), so that EpisodeOf, EpisodesOf
  // and GetHeaders need not. Returns whether there is more. DATA_LOSS.
  absl::StatusOr<bool> KeepSettled() const;
  // The episodes that have any of `events`, sorted, each once. DATA_LOSS.
  absl::StatusOr<std::vector<EpisodeId>> EpisodesOf(std::span<const Seq> events) const;

  uint64_t episode_count() const;  // open ones included
  uint64_t open_count() const;
  uint64_t probe_count() const;  // closed probes

  uint64_t closed_count() const override;
  absl::Status ListClosed(uint64_t first, uint64_t limit,
                          std::vector<ClosedEpisode>& episodes) const override;
  absl::Status Load(std::span<const EpisodeId> ids,
                    std::vector<TrainingEpisode>& episodes) const override;

 private:
  class Impl;
  explicit EpisodeTable(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch
