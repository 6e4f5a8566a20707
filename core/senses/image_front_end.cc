// A separable resize: rows first (they are contiguous), then columns.
#include "core/senses/image_front_end.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr uint32_t kKeepPxMin = 24;  // from here on to kImagePx a picture is copied

// The inputs [first, first + weights.size()) that make one output; the weights add up to 1.
struct Taps {
  uint32_t first = 0;
  std::vector<float> weights;
};

// Output `o` covers the inputs from o * in / out to (o + 1) * in / out.
Taps AreaTaps(uint32_t in, uint32_t out, uint32_t o) {
  const double scale = static_cast<double>(in) / out;
  const double begin = o * scale;
  const double end = std::min<double>(in, begin + scale);
  Taps taps{.first = std::min(static_cast<uint32_t>(begin), in - 1), .weights = {}};
  for (uint32_t i = taps.first; i < in && i < end; ++i) {
    const double covered = std::min<double>(end, i + 1.0) - std::max<double>(begin, i);
    taps.weights.push_back(static_cast<float>(covered / (end - begin)));
  }
  return taps;
}

// Bilinear between pixel centres, the outermost pixels held.
Taps LinearTaps(uint32_t in, uint32_t out, uint32_t o) {
  const double centre =
      std::clamp((o + 0.5) * static_cast<double>(in) / out - 0.5, 0.0, static_cast<double>(in - 1));
  const auto first = static_cast<uint32_t>(centre);
  const auto second = static_cast<float>(centre - first);
  if (first + 1 >= in) return {.first = first, .weights = {1.0f}};
  return {.first = first, .weights = {1.0f - second, second}};
}

std::vector<Taps> TapsOf(uint32_t in, uint32_t out) {
  std::vector<Taps> taps(out);
  for (uint32_t o = 0; o < out; ++o) {
    taps[o] = in >= out ? AreaTaps(in, out, o) : LinearTaps(in, out, o);
  }
  return taps;
}

// A picture of floats, [height, width, channels].
struct Resized {
  uint32_t width = 0;
  uint32_t height = 0;
  std::vector<float> data;
};

Resized Resize(const Pixels& in, uint32_t width, uint32_t height) {
  const std::vector<Taps> rows = TapsOf(in.height, height);
  const std::vector<Taps> columns = TapsOf(in.width, width);
  const size_t stride = size_t{in.width} * in.channels;
  Resized out{.width = width, .height = height, .data = {}};
  out.data.reserve(size_t{width} * height * in.channels);
  std::vector<float> line(stride);
  for (const Taps& row : rows) {
    std::fill(line.begin(), line.end(), 0.0f);
    for (size_t i = 0; i < row.weights.size(); ++i) {
      const uint8_t* source = in.data.data() + (row.first + i) * stride;
      const float weight = row.weights[i];
      for (size_t x = 0; x < stride; ++x) line[x] += weight * static_cast<float>(source[x]);
    }
    for (const Taps& column : columns) {
      for (uint32_t c = 0; c < in.channels; ++c) {
        float sum = 0;
        for (size_t i = 0; i < column.weights.size(); ++i) {
          sum += column.weights[i] * line[(column.first + i) * in.channels + c];
        }
        out.data.push_back(sum);
      }
    }
  }
  return out;
}

// The size inside the field, aspect kept.
uint32_t FittedPx(uint32_t side, uint32_t larger) {
  if (larger >= kKeepPxMin && larger <= kImagePx) return side;
  const double fitted = static_cast<double>(side) * kImagePx / larger;
  return std::clamp(static_cast<uint32_t>(std::lround(fitted)), uint32_t{1}, kImagePx);
}

uint8_t ToByte(float value) {
  return static_cast<uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

// Mean of channel `c` over the edges at which padding begins.
float EdgeMean(const Resized& picture, uint32_t channels, uint32_t c) {
  double sum = 0;
  size_t count = 0;
  for (uint32_t y = 0; y < picture.height; ++y) {
    for (uint32_t x = 0; x < picture.width; ++x) {
      const bool side = picture.width < kImagePx && (x == 0 || x + 1 == picture.width);
      const bool end = picture.height < kImagePx && (y == 0 || y + 1 == picture.height);
      if (!side && !end) continue;
      sum += picture.data[(size_t{y} * picture.width + x) * channels + c];
      ++count;
    }
  }
  return count == 0 ? 0.0f : static_cast<float>(sum / static_cast<double>(count));
}

// Writes channel `c` into `plane` [kImagePx, kImagePx], centred.
void PlacePlane(const Resized& picture, uint32_t channels, uint32_t c, std::span<uint8_t> plane) {
  std::fill(plane.begin(), plane.end(), ToByte(EdgeMean(picture, channels, c)));
  const uint32_t left = (kImagePx - picture.width) / 2;
  const uint32_t top = (kImagePx - picture.height) / 2;
  for (uint32_t y = 0; y < picture.height; ++y) {
    for (uint32_t x = 0; x < picture.width; ++x) {
      plane[size_t{top + y} * kImagePx + left + x] =
          ToByte(picture.data[(size_t{y} * picture.width + x) * channels + c]);
    }
  }
}

}  // namespace

absl::StatusOr<Features> ImageFeatures(const Pixels& pixels) {
  if (pixels.width == 0 || pixels.height == 0 || (pixels.channels != 1 && pixels.channels != 3) ||
      pixels.data.size() / pixels.channels / pixels.width != pixels.height ||
      pixels.data.size() % (size_t{pixels.channels} * pixels.width) != 0) {
    return InvalidField("image.data",
                        absl::StrCat("picture refused: ", pixels.data.size(), " bytes for ",
                                     pixels.width, " x ", pixels.height, " pixels of ",
                                     pixels.channels, " channels; send width * height * channels"));
  }
  const uint32_t larger = std::max(pixels.width, pixels.height);
  const Resized picture =
      Resize(pixels, FittedPx(pixels.width, larger), FittedPx(pixels.height, larger));
  constexpr size_t kPlane = size_t{kImagePx} * kImagePx;
  std::vector<uint8_t> planes(kPlane * pixels.channels);
  for (uint32_t c = 0; c < pixels.channels; ++c) {
    PlacePlane(picture, pixels.channels, c, std::span(planes).subspan(c * kPlane, kPlane));
  }
  const auto plane = [&](size_t c) {
    return planes.begin() + static_cast<std::ptrdiff_t>(c * kPlane);
  };
  const bool grey = pixels.channels == 3 && std::equal(plane(0), plane(1), plane(1)) &&
                    std::equal(plane(1), plane(2), plane(2));
  if (grey) planes.resize(kPlane);
  Features features{.kind = PayloadKind::kImage, .content = {}, .shape = {}, .bytes = {}};
  features.shape = {static_cast<uint32_t>(planes.size() / kPlane), kImagePx, kImagePx};
  features.SetValues<uint8_t>(planes);
  return features;
}

}  // namespace mixmatch
