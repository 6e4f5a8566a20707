// Brings a space up to date: embeds what is stored and not yet in it, from stored features.
//
// The same for a serving space that follows the log and for a candidate's space that starts from
// nothing. Takes features and episodes from storage's interfaces; appends to an EmbeddingSpace.
#pragma once

#include <cstddef>
#include <span>

#include "absl/status/statusor.h"
#include "core/encoder/encoder.h"
#include "core/generations/embedding_space.h"
#include "core/generations/percept_source.h"
#include "core/learning/training_source.h"

namespace mixmatch {

// Thread-safety: Immutable; safe to share. Borrows both sources, which must outlive it.
class SpaceFiller {
 public:
  SpaceFiller(const PerceptSource* percepts, const TrainingSource* episodes)
      : percepts_(percepts), episodes_(episodes) {}

  // Embeds the next chunk into `space` and appends it with the cursor behind it: percepts, and
  // closed episodes after them. `chunk` bounds the percepts that one call embeds by themselves and
  // in episodes, of each (a whole event always fits, and some episodes more). An episode of one
  // percept has the point of that percept, as it is stored. Returns how many embeddings were made;
  // 0 when the cursor did not move, which means that the space is up to date. Blocks while it
  // computes.
  absl::StatusOr<size_t> Fill(const Encoder& encoder, EmbeddingSpace& space, size_t chunk,
                              bool background) const;

  // Embeds these episodes, which the space has taken in before and does not hold any more, and
  // appends them; those that it has not come to yet are left out.
  absl::Status FillAgain(const Encoder& encoder, EmbeddingSpace& space,
                         std::span<const EpisodeId> episodes) const;

  // True when nothing is stored that the space has not taken in.
  bool UpToDate(const EmbeddingSpace& space) const { return Behind(space) == 0; }
  // How many entries of the log and closed episodes it has not taken in.
  uint64_t Behind(const EmbeddingSpace& space) const;
  // True when it has taken in more episodes than have closed: they are bound anew, and those that
  // it holds are no more.
  bool IsAhead(const EmbeddingSpace& space) const;

 private:
  absl::StatusOr<size_t> FillPercepts(const Encoder& encoder, EmbeddingSpace& space, size_t chunk,
                                      bool background) const;
  // Embeds episodes and appends them with the cursor `next`. Returns how many have anything in
  // them.
  static absl::StatusOr<size_t> AppendEpisodes(const Encoder& encoder, EmbeddingSpace& space,
                                               std::span<const TrainingEpisode> episodes,
                                               SpaceCursor next, bool background);
  absl::StatusOr<size_t> FillEpisodes(const Encoder& encoder, EmbeddingSpace& space, size_t chunk,
                                      bool background) const;

  const PerceptSource* const percepts_;
  const TrainingSource* const episodes_;
};

}  // namespace mixmatch
