// Numbers that name things: sequence numbers, episodes, generations, and items of an index.
#pragma once

#include <cstdint>
#include <limits>

namespace mixmatch {

// Place of an entry in the event log, from 1. 0 means none. Below 2^54.
using Seq = uint64_t;

// An episode is named by the sequence number of its first logged event.
using EpisodeId = uint64_t;

// Number of a generation; 0 is the seeded, untrained encoder.
using Generation = uint64_t;

// Number of a registered modality, from 1 in the order of registration.
using ModalityId = uint32_t;

// The partition of an index that holds the embeddings of episodes.
inline constexpr ModalityId kEpisodePartition = 0;

// One embedding's name inside a generation: a percept of an event, or an episode.
// Layout (part of the disk format): seq << 8 | (percept index + 1), or episode id << 8 for an
// episode. Sorts by sequence.
struct ItemId {
  uint64_t value = 0;

  static constexpr ItemId ForPercept(Seq seq, uint32_t percept_index) {
    return ItemId{(seq << 8) | (percept_index + 1)};
  }
  static constexpr ItemId ForEpisode(EpisodeId episode) { return ItemId{episode << 8}; }

  constexpr bool is_episode() const { return (value & 0xff) == 0; }
  // The event's sequence number, or the episode's id.
  constexpr Seq seq() const { return value >> 8; }
  // Only for percepts.
  constexpr uint32_t percept_index() const { return static_cast<uint32_t>(value & 0xff) - 1; }

  friend constexpr bool operator==(ItemId, ItemId) = default;
  friend constexpr auto operator<=>(ItemId, ItemId) = default;
};

// The most percepts that one event may have, by the layout of ItemId.
inline constexpr uint32_t kPerceptsPerEventMax = 254;

}  // namespace mixmatch
