// Random features: a fixed, random, smooth map after which what is not linear becomes linear.
// After A. Rahimi, B. Recht, "Random features for large-scale kernel machines", 2007: cosines of
// random projections, for the Gaussian kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mixmatch {

// Thread-safety: Immutable once made; safe to share.
class RandomFeatures {
 public:
  // Of points of length about 1 in `inputs` dimensions; `outputs` cosines by `seed` alone.
  // `width`: the kernel's, in the points' units.
  RandomFeatures(size_t inputs, size_t outputs, double width, uint64_t seed);

  size_t inputs() const { return inputs_; }
  size_t outputs() const { return offsets_.size(); }

  // x [inputs] to out [outputs]; each number is between -1 and 1 times the root of 2 / outputs.
  void Map(std::span<const float> x, std::span<float> out) const;

 private:
  size_t inputs_;
  std::vector<float> directions_;  // [outputs, inputs]
  std::vector<float> offsets_;     // [outputs]
};

}  // namespace mixmatch
