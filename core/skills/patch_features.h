// Fixed features of pictures for skills: how much of each of many random patches there is in each
// part of the picture. Nothing is trained; patches are whitened, so that they are edges and strokes
// and not brightness. After A. Coates, H. Lee, A. Ng, "An analysis of single-layer networks in
// unsupervised feature learning", 2011, with patches picked at random for dictionary.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace mixmatch {

struct Extent {
  size_t height = 0;
  size_t width = 0;

  size_t area() const { return height * width; }
};

struct PatchSettings {
  Extent window = {7, 7};  // pixels of a patch
  size_t filters = 341;    // patches of the dictionary
  Extent grid = {3, 3};    // parts of the picture
  double threshold = 0.5;  // of a response, below which it does not count
  bool root = true;        // sums become their roots, so that a strong response counts for less
  double whitening = 0.1;  // added to the patches' variance, in mean variances
};

// Thread-safety: Immutable once made; safe to share.
class PatchFeatures {
 public:
  // Picks the dictionary among the patches of pictures [n, height, width], 8 bits, by `seed` alone.
  // INVALID_ARGUMENT where the settings do not fit the pictures or there is none.
  static absl::StatusOr<PatchFeatures> Make(std::span<const uint8_t> pictures, Extent size,
                                            uint64_t seed, const PatchSettings& settings);

  // filters * 2 * parts of the grid: responses of either sign.
  size_t dimension() const { return settings_.filters * 2 * settings_.grid.area(); }

  // out [D] of one picture [height, width].
  void Map(std::span<const uint8_t> picture, std::span<float> out) const;

 private:
  PatchFeatures(const PatchSettings& settings, Extent size) : settings_(settings), size_(size) {}

  // Where a window fits.
  Extent places() const {
    return {size_.height - settings_.window.height + 1, size_.width - settings_.window.width + 1};
  }

  PatchSettings settings_;
  Extent size_;
  std::vector<float> filters_;  // [K, pixels of a window]
  std::vector<float> offsets_;  // [K]: each filter's response to the mean patch
};

}  // namespace mixmatch
