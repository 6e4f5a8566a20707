// Ranges are in the units of the features: pixels, frames, bins.
#include "core/learning/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace mixmatch {
namespace {

constexpr float kTurnMax = 0.2F;  // radians
constexpr float kScaleMax = 0.12F;
constexpr float kShearMax = 0.12F;
constexpr float kShiftMaxPx = 2.0F;
constexpr float kContrastMax = 0.15F;
constexpr float kBrightnessMax = 12.0F;  // of 255

constexpr float kStretchMax = 0.06F;
constexpr float kPitchMaxBins = 0.75F;
constexpr int kBandMaxBins = 4;
constexpr float kMomentMaxShare = 0.06F;
constexpr int kMarginMaxFrames = 4;
constexpr float kLevelMax = 5.0F;  // of 255

constexpr float kNoise = 0.05F;  // of the spread
constexpr float kSeriesScaleMax = 0.1F;
constexpr int kSeriesShiftMax = 6;   // samples
constexpr float kDropShare = 0.25F;  // of n-grams

// std::floor without the call that plain x86-64 makes of it.
int64_t Floor(float value) {
  const auto whole = static_cast<int64_t>(value);
  return static_cast<float>(whole) > value ? whole - 1 : whole;
}

uint8_t Byte(float value) { return static_cast<uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F)); }

// Reads a plane with bilinear weights; beyond its edges the edge goes on.
struct Plane {
  const uint8_t* data;
  int64_t rows;
  int64_t columns;

  float At(int64_t r, int64_t c) const {
    return data[std::clamp<int64_t>(r, 0, rows - 1) * columns +
                std::clamp<int64_t>(c, 0, columns - 1)];
  }
  float Between(float r, float c) const {
    const auto row = Floor(r);
    const auto column = Floor(c);
    const float fr = r - static_cast<float>(row);
    const float fc = c - static_cast<float>(column);
    return (At(row, column) * (1 - fc) + At(row, column + 1) * fc) * (1 - fr) +
           (At(row + 1, column) * (1 - fc) + At(row + 1, column + 1) * fc) * fr;
  }
};

void AugmentImage(Random& random, Features& features) {
  const int64_t height = features.shape[1];
  const int64_t width = features.shape[2];
  const float turn = random.Around(kTurnMax);
  const float cosine = std::cos(turn);
  const float sine = std::sin(turn);
  const float sx = 1 + random.Around(kScaleMax);
  const float sy = 1 + random.Around(kScaleMax);
  const float shear = random.Around(kShearMax);
  const float dx = random.Around(kShiftMaxPx);
  const float dy = random.Around(kShiftMaxPx);
  const float contrast = 1 + random.Around(kContrastMax);
  const float brightness = random.Around(kBrightnessMax);
  const float cx = static_cast<float>(width - 1) / 2;
  const float cy = static_cast<float>(height - 1) / 2;
  const std::string from = features.bytes;
  for (int64_t channel = 0; channel < features.shape[0]; ++channel) {
    const int64_t at = channel * height * width;
    const Plane plane{reinterpret_cast<const uint8_t*>(from.data()) + at, height, width};
    auto* to = reinterpret_cast<uint8_t*>(features.bytes.data()) + at;
    for (int64_t r = 0; r < height; ++r) {
      for (int64_t c = 0; c < width; ++c) {
        const float x = static_cast<float>(c) - cx;
        const float y = static_cast<float>(r) - cy;
        const float u = (cosine * x - sine * y) * sx + shear * y + cx + dx;
        const float v = (sine * x + cosine * y) * sy + cy + dy;
        *to++ = Byte(plane.Between(v, u) * contrast + brightness);
      }
    }
  }
}

void AugmentAudio(Random& random, Features& features) {
  const int64_t frames = features.shape[0];
  const int64_t bins = features.shape[1];
  const float stretch = 1 + random.Around(kStretchMax);
  const float pitch = random.Around(kPitchMaxBins);
  const float level = random.Around(kLevelMax);
  const auto before = static_cast<int64_t>(random.Below(kMarginMaxFrames + 1));
  const auto after = static_cast<int64_t>(random.Below(kMarginMaxFrames + 1));
  const int64_t sounding =
      std::max<int64_t>(1, static_cast<int64_t>(static_cast<float>(frames) * stretch));
  const int64_t length = std::min(before + sounding + after, std::max<int64_t>(frames, 1000));

  const auto band = static_cast<int64_t>(random.Below(kBandMaxBins + 1));
  const auto band_at = static_cast<int64_t>(random.Below(static_cast<uint64_t>(bins - band)));
  const auto moment =
      static_cast<int64_t>(random.Unit() * kMomentMaxShare * static_cast<float>(length));
  const auto moment_at = static_cast<int64_t>(random.Below(static_cast<uint64_t>(length - moment)));

  const std::string from = features.bytes;
  const Plane plane{reinterpret_cast<const uint8_t*>(from.data()), frames, bins};
  features.shape[0] = static_cast<uint32_t>(length);
  features.bytes.assign(static_cast<size_t>(length * bins), '\0');
  auto* to = reinterpret_cast<uint8_t*>(features.bytes.data());
  for (int64_t t = before; t < std::min(before + sounding, length); ++t) {
    if (t >= moment_at && t < moment_at + moment) continue;
    const float source = static_cast<float>(t - before) / stretch;
    for (int64_t b = 0; b < bins; ++b) {
      if (b >= band_at && b < band_at + band) continue;
      const float value = plane.Between(source, static_cast<float>(b) + pitch);
      to[t * bins + b] = value <= 0 ? uint8_t{0} : Byte(value + level);
    }
  }
}

// About normal, spread 1: the sum of uniform numbers.
float Noise(Random& random) { return random.Around(1) + random.Around(1) + random.Around(1); }

float SpreadOf(const std::vector<float>& values, size_t first, size_t stride) {
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (size_t i = first; i < values.size(); i += stride) {
    sum += values[i];
    squares += static_cast<double>(values[i]) * values[i];
    ++count;
  }
  return static_cast<float>(
      std::sqrt(std::max(squares / count - (sum / count) * (sum / count), 0.0)));
}

void AugmentSeries(Random& random, Features& features) {
  const std::vector<float> from = features.Values<float>();
  const auto samples = static_cast<int64_t>(features.shape[0]);
  const size_t channels = features.shape[1];
  std::vector<float> to(from.size());
  const auto shift = static_cast<int64_t>(random.Below(2 * kSeriesShiftMax + 1)) - kSeriesShiftMax;
  const float scale = 1 + random.Around(kSeriesScaleMax);
  for (size_t c = 0; c < channels; ++c) {
    const float noise = SpreadOf(from, c, channels) * kNoise;
    for (int64_t s = 0; s < samples; ++s) {
      const auto source = static_cast<size_t>(std::clamp<int64_t>(s + shift, 0, samples - 1));
      to[static_cast<size_t>(s) * channels + c] =
          from[source * channels + c] * scale + Noise(random) * noise;
    }
  }
  features.SetValues<float>(to);
}

void AugmentVector(Random& random, Features& features) {
  std::vector<float> values = features.Values<float>();
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  const auto noise = static_cast<float>(
      kNoise * std::sqrt(squares / static_cast<double>(std::max<size_t>(values.size(), 1))));
  for (float& value : values) value += Noise(random) * noise;
  features.SetValues<float>(values);
}

// The whole word's hash stays: it is the first of each word.
void DropNgrams(Random& random, Features& features) {
  const std::vector<uint32_t> from = features.Values<uint32_t>();
  std::vector<uint32_t> to;
  for (size_t at = 0; at < from.size(); at += from[at] + size_t{1}) {
    const size_t count_at = to.size();
    to.push_back(1);
    to.push_back(from[at + 1]);
    for (size_t i = 2; i <= from[at]; ++i) {
      if (random.Unit() < kDropShare) continue;
      to.push_back(from[at + i]);
      ++to[count_at];
    }
  }
  features.SetValues<uint32_t>(to);
  features.shape = {static_cast<uint32_t>(to.size())};
}

}  // namespace

Features Augment(const Features& features, Random& random) {
  Features changed = features;
  switch (features.kind) {
    case PayloadKind::kImage:
      AugmentImage(random, changed);
      break;
    case PayloadKind::kAudio:
      AugmentAudio(random, changed);
      break;
    case PayloadKind::kSeries:
      AugmentSeries(random, changed);
      break;
    case PayloadKind::kVector:
      AugmentVector(random, changed);
      break;
    case PayloadKind::kText:
    case PayloadKind::kVideo:
      break;
  }
  return changed;
}

Features AugmentForView(const Features& features, Random& random) {
  Features changed = Augment(features, random);
  if (features.kind == PayloadKind::kText) DropNgrams(random, changed);
  return changed;
}

}  // namespace mixmatch
