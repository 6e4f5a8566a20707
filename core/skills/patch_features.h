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

struct PatchSettings {
  size_t window = 7;       // pixels of a patch's side
  size_t filters = 341;    // patches of the dictionary
  size_t grid = 3;         // parts of the picture along a side
  double threshold = 0.5;  // of a response, below which it does not count
  bool root = true;        // sums become their roots, so that a strong response counts for less
  double whitening = 0.1;  // added to the patches' variance, in mean variances
};

// Thread-safety: Immutable once made; safe to share.
class PatchFeatures {
 public:
  // Picks the dictionary among the patches of pictures [n, px, px], 8 bits, by `seed` alone.
  // INVALID_ARGUMENT where the settings do not fit the pictures or there is none.
  static absl::StatusOr<PatchFeatures> Make(std::span<const uint8_t> pictures, size_t px,
                                            uint64_t seed, const PatchSettings& settings);

  // filters * 2 * grid^2: responses of either sign.
  size_t dimension() const { return settings_.filters * 2 * settings_.grid * settings_.grid; }

  // out [D] of one picture [px, px].
  void Map(std::span<const uint8_t> picture, std::span<float> out) const;

 private:
  PatchFeatures(const PatchSettings& settings, size_t px) : settings_(settings), px_(px) {}

  size_t places() const { return px_ - settings_.window + 1; }  // along a side

  PatchSettings settings_;
  size_t px_;
  std::vector<float> filters_;  // [K, w^2]
  std::vector<float> offsets_;  // [K]: each filter's response to the mean patch
};

}  // namespace mixmatch
