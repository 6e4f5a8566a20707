// Made-up features of every kind, functions of a seed: what tests and benches embed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/event.h"
#include "core/encoder/encoder.h"
#include "core/senses/features.h"

namespace mixmatch::testing {

inline ModalitySpec Spec(std::string name, PayloadKind kind, uint32_t dimension = 0) {
  return {.name = std::move(name), .kind = kind, .dimension = dimension};
}

template <typename T>
Features Made(PayloadKind kind, std::vector<uint32_t> shape, const std::vector<T>& values) {
  Features features;
  features.kind = kind;
  features.shape = std::move(shape);
  features.SetValues<T>(values);
  features.content = {StableHash64(features.bytes, 1), StableHash64(features.bytes, 2)};
  return features;
}

// In [0, 1), a function of seed and place.
inline float Noise(uint64_t seed, uint64_t place) {
  return static_cast<float>(StableMix64(seed, place) >> 40) * 0x1p-24F;
}

// A blot on grey ground whose place and size follow from the seed.
inline Features ImageSample(uint64_t seed, uint32_t channels = 1) {
  std::vector<uint8_t> pixels;
  const float cx = 8 + 16 * Noise(seed, 1);
  const float cy = 8 + 16 * Noise(seed, 2);
  const float size = 3 + 5 * Noise(seed, 3);
  for (uint32_t c = 0; c < channels; ++c) {
    for (uint32_t i = 0; i < 32 * 32; ++i) {
      const uint32_t row = i / 32;
      const float dx = static_cast<float>(i % 32) - cx;
      const float dy = static_cast<float>(row) - cy;
      pixels.push_back(dx * dx + dy * dy < size * size ? 220 : 30);
    }
  }
  return Made<uint8_t>(PayloadKind::kImage, {channels, 32, 32}, pixels);
}

inline Features AudioSample(uint64_t seed, uint32_t frames) {
  std::vector<uint8_t> cells(size_t{frames} * 64);
  for (size_t i = 0; i < cells.size(); ++i) {
    cells[i] = static_cast<uint8_t>(255 * Noise(seed, i % 64 + 64 * (i / 512)));
  }
  return Made<uint8_t>(PayloadKind::kAudio, {frames, 64}, cells);
}

// Words of `ngrams` hashes each.
inline Features TextSample(uint64_t seed, uint32_t words = 1, uint32_t ngrams = 5) {
  std::vector<uint32_t> numbers;
  for (uint32_t w = 0; w < words; ++w) {
    numbers.push_back(ngrams);
    for (uint32_t g = 0; g < ngrams; ++g) {
      numbers.push_back(static_cast<uint32_t>(StableMix64(seed, w * 100 + g)));
    }
  }
  const auto size = static_cast<uint32_t>(numbers.size());
  return Made<uint32_t>(PayloadKind::kText, {size}, numbers);
}

inline Features SeriesSample(uint64_t seed, uint32_t channels, uint32_t samples = 128) {
  std::vector<float> values(size_t{samples} * channels);
  for (size_t i = 0; i < values.size(); ++i) values[i] = Noise(seed, i / 8) * 4 - 1;
  return Made<float>(PayloadKind::kSeries, {samples, channels}, values);
}

inline Features VectorSample(const std::vector<float>& values) {
  return Made<float>(PayloadKind::kVector, {static_cast<uint32_t>(values.size())}, values);
}

inline Features VectorSample(uint64_t seed, uint32_t dimension) {
  std::vector<float> values(dimension);
  for (size_t i = 0; i < values.size(); ++i) values[i] = Noise(seed, i) * 2 - 1;
  return VectorSample(values);
}

// A model that trains in milliseconds.
inline ModelConfig TinyModel(uint64_t seed = 7) {
  return {.preset = "tiny", .width = 32, .layers = 1, .heads = 2, .embedding = 16, .seed = seed};
}

}  // namespace mixmatch::testing
