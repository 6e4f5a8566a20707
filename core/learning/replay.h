// What replay draws from: every episode that may be trained on, each as likely as any other, and
// beside it a sample of those that hold a rare modality, so that each modality is in every batch.
//
// Takes episodes in the order in which they were taken; gives draws that are a function of what was
// added, the draw's arguments and its seed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/ids.h"
#include "core/learning/training_source.h"

namespace mixmatch {

// Thread-safety: Not thread-safe. 8 bytes for each episode.
class Replay {
 public:
  void Add(const ClosedEpisode& episode);
  // A probe that was released; where it comes among the others makes no difference to any draw.
  void AddReleased(EpisodeId id) { released_.push_back(id); }

  // Draws min(count, size()) distinct episodes and appends them to `ids`. Of a modality that less
  // than kRareShare of all episodes hold, as many come from its own sample as are missing to that
  // share of a batch of `batch` episodes, but at most a quarter of those that hold it.
  void Draw(uint64_t count, uint64_t batch, uint64_t seed, std::vector<EpisodeId>& ids) const;

  uint64_t size() const { return episodes_.size() + released_.size(); }

  static constexpr double kRareShare = 0.15;

 private:
  static constexpr size_t kBits = 64;
  static constexpr size_t kSampleMax = 4096;

  // A uniform sample of the episodes that hold one modality (reservoir sampling, Vitter 1985).
  struct Sample {
    uint64_t count = 0;  // of episodes that hold it
    std::vector<EpisodeId> episodes;
  };

  std::vector<EpisodeId> episodes_;
  std::vector<EpisodeId> released_;
  std::array<Sample, kBits> samples_;
};

}  // namespace mixmatch
