// Uniform first; then places are given to rare modalities.
#include "core/learning/replay.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "core/base/hash.h"
#include "core/learning/random.h"

namespace mixmatch {

void Replay::Add(const ClosedEpisode& episode) {
  episodes_.push_back(episode.id);
  for (size_t bit = 0; bit < kBits; ++bit) {
    if ((episode.modalities >> bit & 1) == 0) continue;
    Sample& sample = samples_[bit];
    if (sample.episodes.size() < kSampleMax) {
      sample.episodes.push_back(episode.id);
    } else {
      const uint64_t place = StableMix64(episode.id, bit) % (sample.count + 1);
      if (place < kSampleMax) sample.episodes[place] = episode.id;
    }
    ++sample.count;
  }
}

void Replay::Draw(uint64_t count, uint64_t batch, uint64_t seed,
                  std::vector<EpisodeId>& ids) const {
  Random random(seed);
  const uint64_t population = size();
  const size_t begin = ids.size();
  // The first `count` places of a shuffle, without the shuffle: what was swapped is remembered.
  std::unordered_map<uint64_t, uint64_t> swapped;
  const auto at = [&swapped](uint64_t place) {
    const auto it = swapped.find(place);
    return it == swapped.end() ? place : it->second;
  };
  for (uint64_t i = 0; i < std::min(count, population); ++i) {
    const uint64_t j = i + random.Below(population - i);
    const uint64_t chosen = at(j);
    swapped[j] = at(i);
    ids.push_back(chosen < episodes_.size() ? episodes_[chosen]
                                            : released_[chosen - episodes_.size()]);
  }

  size_t place = begin;
  for (const Sample& sample : samples_) {
    if (sample.count == 0) continue;
    const auto held = static_cast<double>(sample.count);
    const auto size = static_cast<double>(batch);
    const double natural = held / static_cast<double>(population) * size;
    const double wanted = std::min(kRareShare * size - natural, held / 4);
    for (int i = 0; i < std::lround(wanted) && place < ids.size(); ++i) {
      const EpisodeId id = sample.episodes[random.Below(sample.episodes.size())];
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids[place++] = id;
    }
  }
}

}  // namespace mixmatch
