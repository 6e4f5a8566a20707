// A whitened patch answers to another by the inverse covariance between them, so no square root of
// a matrix is needed.
#include "core/skills/patch_features.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/skills/linear_algebra.h"
#include "core/skills/moments.h"

namespace mixmatch {
namespace {

constexpr size_t kSamples = 50000;  // patches that the covariance is taken of
// Added to a patch's variance, of 255^2, before it is brought to 1: of a blank one, nothing.
constexpr float kLeastVariance = 10;

// Copies the patch at (y, x), brightness taken away and contrast brought to 1.
void CopyPatch(const uint8_t* picture, size_t picture_width, size_t y, size_t x, Extent window,
               float* to) {
  float sum = 0;
  float squares = 0;
  for (size_t r = 0; r < window.height; ++r) {
    const uint8_t* row = picture + (y + r) * picture_width + x;
    for (size_t c = 0; c < window.width; ++c) {
      const auto value = static_cast<float>(row[c]);
      to[r * window.width + c] = value;
      sum += value;
      squares += value * value;
    }
  }
  const auto count = static_cast<float>(window.area());
  const float mean = sum / count;
  const float variance = std::max(squares / count - mean * mean, 0.0F);
  const float scale = 1 / std::sqrt(variance + kLeastVariance);
  for (size_t i = 0; i < window.area(); ++i) to[i] = (to[i] - mean) * scale;
}

}  // namespace

absl::StatusOr<PatchFeatures> PatchFeatures::Make(std::span<const uint8_t> pictures, Extent size,
                                                  uint64_t seed, const PatchSettings& settings) {
  const Extent window = settings.window;
  const Extent grid = settings.grid;
  if (window.area() < 4 || window.height > size.height || window.width > size.width ||
      settings.filters < 1 || grid.area() < 1 || grid.height > size.height - window.height + 1 ||
      grid.width > size.width - window.width + 1 || pictures.size() < size.area()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "patch features: windows of ", window.height, " x ", window.width, ", ", settings.filters,
        " filters, a grid of ", grid.height, " x ", grid.width, " and ", pictures.size(),
        " bytes of pictures of ", size.height, " x ", size.width, " do not go together"));
  }
  PatchFeatures made(settings, size);
  const size_t count = pictures.size() / size.area();
  const size_t d = window.area();
  uint64_t draw = 0;
  const auto below = [&](size_t n) { return StableMix64(seed, draw++) % n; };
  const auto sample = [&](float* to) {
    const uint8_t* picture = pictures.data() + below(count) * size.area();
    const size_t y = below(made.places().height);
    const size_t x = below(made.places().width);
    CopyPatch(picture, size.width, y, x, window, to);
  };
  std::vector<float> patches(kSamples * d);
  for (size_t i = 0; i < kSamples; ++i) sample(patches.data() + i * d);
  Moments moments(d);
  moments.Add(patches);
  const std::vector<double> mean = moments.Mean();
  std::vector<double> factor = moments.Covariance(settings.whitening);
  if (!Factorise(factor, d)) return absl::InternalError("patch features: no covariance");

  std::vector<double> rows;  // [K, d]
  std::vector<float> patch(d);
  // A blank patch is no pattern; where all are blank, so be it.
  for (size_t tries = 0; rows.size() < settings.filters * d; ++tries) {
    sample(patch.data());
    double squares = 0;
    for (const float value : patch) squares += static_cast<double>(value) * value;
    if (squares < 0.1 * static_cast<double>(d) && tries < 100 * settings.filters) continue;
    for (size_t i = 0; i < d; ++i) rows.push_back(patch[i] - mean[i]);
  }
  std::vector<double> solved = rows;
  SolveRows(factor, d, solved);
  for (size_t k = 0; k < settings.filters; ++k) {
    double squares = 0;
    for (size_t i = 0; i < d; ++i) squares += rows[k * d + i] * solved[k * d + i];
    const double scale = 1 / std::sqrt(std::max(squares, 1e-12));
    double offset = 0;
    for (size_t i = 0; i < d; ++i) {
      made.filters_.push_back(static_cast<float>(solved[k * d + i] * scale));
      offset += solved[k * d + i] * scale * mean[i];
    }
    made.offsets_.push_back(static_cast<float>(offset));
  }
  return made;
}

void PatchFeatures::Map(std::span<const uint8_t> picture, std::span<float> out) const {
  const Extent side = places();
  const Extent grid = settings_.grid;
  const size_t d = settings_.window.area();
  const size_t k = settings_.filters;
  std::vector<float> patches(side.width * d);
  std::vector<float> responses(side.width * k);
  const auto threshold = static_cast<float>(settings_.threshold);
  std::fill(out.begin(), out.end(), 0.0F);
  for (size_t y = 0; y < side.height; ++y) {
    for (size_t x = 0; x < side.width; ++x) {
      CopyPatch(picture.data(), size_.width, y, x, settings_.window, patches.data() + x * d);
    }
    MultiplyTransposed(patches, filters_, d, responses);
    const size_t part_row = y * grid.height / side.height;
    for (size_t x = 0; x < side.width; ++x) {
      const size_t part = part_row * grid.width + x * grid.width / side.width;
      float* positive = out.data() + part * 2 * k;
      float* negative = positive + k;
      const float* row = responses.data() + x * k;
      for (size_t f = 0; f < k; ++f) {
        const float response = row[f] - offsets_[f];
        positive[f] += std::max(response - threshold, 0.0F);
        negative[f] += std::max(-response - threshold, 0.0F);
      }
    }
  }
  const float scale = 1 / static_cast<float>(side.width);
  for (float& value : out) value = settings_.root ? std::sqrt(value * scale) : value * scale;
}

}  // namespace mixmatch
