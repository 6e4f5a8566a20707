// Each frame of the picture is the mean of the part of the sound that it covers.
#include "core/skills/sound_picture.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace mixmatch {
namespace {

constexpr int kSilence = 60;  // of 255 for 80 dB

struct Stretch {
  size_t first = 0;
  size_t count = 0;
};

// The frames from the first to the last one that is not silent.
Stretch Sounding(std::span<const uint8_t> cells, size_t bands) {
  const size_t frames = cells.size() / bands;
  std::vector<int> loudest;
  for (size_t t = 0; t < frames; ++t) {
    const auto frame = cells.subspan(t * bands, bands);
    loudest.push_back(*std::max_element(frame.begin(), frame.end()));
  }
  const int limit = *std::max_element(loudest.begin(), loudest.end()) - kSilence;
  const auto sounds = [limit](int level) { return level >= limit; };
  const auto first = std::find_if(loudest.begin(), loudest.end(), sounds);
  const auto last = std::find_if(loudest.rbegin(), loudest.rend(), sounds).base();
  return {.first = static_cast<size_t>(first - loudest.begin()),
          .count = static_cast<size_t>(last - first)};
}

}  // namespace

std::vector<uint8_t> SoundPicture(const Features& sound) {
  const size_t bands = sound.shape.size() == 2 ? sound.shape[1] : 0;
  const std::vector<uint8_t> cells = sound.Values<uint8_t>();
  std::vector<uint8_t> picture(kSoundFrames * bands);
  if (bands == 0 || cells.size() < bands) return picture;
  const Stretch stretch = Sounding(cells, bands);
  const double step = static_cast<double>(stretch.count) / kSoundFrames;
  for (size_t to = 0; to < kSoundFrames; ++to) {
    const double begin = step * static_cast<double>(to);
    const double end = begin + step;
    const auto first = static_cast<size_t>(begin);
    const auto last = std::min(static_cast<size_t>(std::ceil(end)), stretch.count);
    std::vector<double> sum(bands);
    for (size_t from = first; from < last; ++from) {
      const double share =
          std::min(end, static_cast<double>(from + 1)) - std::max(begin, static_cast<double>(from));
      for (size_t band = 0; band < bands; ++band) {
        sum[band] += share * cells[(stretch.first + from) * bands + band];
      }
    }
    for (size_t band = 0; band < bands; ++band) {
      picture[to * bands + band] = static_cast<uint8_t>(std::lround(sum[band] / step));
    }
  }
  return picture;
}

}  // namespace mixmatch
