// How much content a percept may decode to.
#pragma once

#include <cstdint>

namespace mixmatch {

// All inclusive. What is larger is refused before it is decoded (pictures) or as soon as it shows
// (sound).
struct SenseLimits {
  uint64_t image_pixels_max = uint64_t{16} << 20;
  double audio_seconds_max = 30;
};

}  // namespace mixmatch
