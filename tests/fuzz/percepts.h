// Percepts and events out of a fuzzer's bytes.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "core/base/event.h"
#include "tests/fuzz/input.h"

namespace mixmatch::fuzz {

template <typename Number>
std::vector<Number> Numbers(const std::string& bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  if (!numbers.empty()) {
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(Number));
  }
  return numbers;
}

constexpr uint32_t kPayloadMax = 1 << 16;

// A payload; its kind is the number from `first` on that the input says, of the six that there are.
inline Payload TakePayload(Input& input, uint32_t kind) {
  switch (kind) {
    case 0:
      return TextPayload{.text = input.TakeText(kPayloadMax)};
    case 1: {
      AudioPayload audio;
      audio.media_type = input.TakeText(16);
      audio.sample_rate_hz = input.Take<uint32_t>();
      audio.channel_count = input.Take<uint8_t>();
      audio.data = input.TakeText(kPayloadMax);
      return audio;
    }
    case 2: {
      ImagePayload image;
      image.media_type = input.TakeText(16);
      image.width_px = input.Take<uint16_t>();
      image.height_px = input.Take<uint16_t>();
      image.channel_count = input.Take<uint8_t>();
      image.data = input.TakeText(kPayloadMax);
      return image;
    }
    case 3: {
      SeriesPayload series;
      series.channel_count = input.Take<uint8_t>();
      series.rate_hz = input.Take<double>();
      series.times_s = Numbers<double>(input.TakeText(1024));
      series.values = Numbers<float>(input.TakeText(kPayloadMax));
      return series;
    }
    case 4:
      return VectorPayload{.values = Numbers<float>(input.TakeText(kPayloadMax))};
    default:
      return VideoPayload{.data = input.TakeText(64), .media_type = input.TakeText(16)};
  }
}

}  // namespace mixmatch::fuzz
