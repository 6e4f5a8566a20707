// What the learner needs of others: closed episodes in the order of their closing, and the features
// of their percepts. storage implements it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/event.h"
#include "core/base/ids.h"
#include "core/senses/features.h"

namespace mixmatch {

struct TrainingPercept {
  ModalitySpec modality;
  Features features;
  absl::Time time;             // of its event
  Seq seq = 0;                 // of its event
  uint32_t index = 0;          // in its event
  ModalityId modality_id = 0;  // 0 where the source does not know it
};

struct TrainingEpisode {
  EpisodeId id = 0;
  std::vector<TrainingPercept> percepts;  // in sequence order, at most percepts_max
};

struct ClosedEpisode {
  EpisodeId id = 0;
  bool probe = false;
  uint32_t probe_draw = 0;  // of a probe: the surplus with the largest draws is released
  uint64_t modalities = 0;  // bit m: it has a percept of modality id m; 63 and above share a bit
};

// Thread-safety: Safe for concurrent use.
class TrainingSource {
 public:
  virtual ~TrainingSource() = default;

  // Episodes closed so far. They are numbered 0, 1, … (their ordinal) in the order of closing,
  // which never changes.
  virtual uint64_t closed_count() const = 0;

  // Appends the episodes with ordinals [first, first + limit) that exist to `episodes`.
  virtual absl::Status ListClosed(uint64_t first, uint64_t limit,
                                  std::vector<ClosedEpisode>& episodes) const = 0;

  // Loads episodes with the features of their percepts, in the order of `ids`. NOT_FOUND,
  // DATA_LOSS.
  virtual absl::Status Load(std::span<const EpisodeId> ids,
                            std::vector<TrainingEpisode>& episodes) const = 0;
};

}  // namespace mixmatch
