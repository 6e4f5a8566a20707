// Normal numbers by Box and Muller, from hashes: the same on every machine but for rounding.
#include "core/skills/random_features.h"

#include <cmath>
#include <numbers>

#include "core/base/hash.h"
#include "core/skills/linear_algebra.h"

namespace mixmatch {
namespace {

// Above 0, at most 1.
double Uniform(uint64_t seed, uint64_t i) {
  return (static_cast<double>(StableMix64(seed, i) >> 11) + 1) * 0x1p-53;
}

}  // namespace

RandomFeatures::RandomFeatures(size_t inputs, size_t outputs, double width, uint64_t seed)
    : inputs_(inputs) {
  for (uint64_t i = 0; i < inputs * outputs; ++i) {
    const double normal = std::sqrt(-2 * std::log(Uniform(seed, 2 * i))) *
                          std::cos(2 * std::numbers::pi * Uniform(seed, 2 * i + 1));
    directions_.push_back(static_cast<float>(normal / width));
  }
  for (uint64_t i = 0; i < outputs; ++i) {
    offsets_.push_back(
        static_cast<float>(2 * std::numbers::pi * Uniform(seed, 2 * inputs * outputs + i)));
  }
}

void RandomFeatures::Map(std::span<const float> x, std::span<float> out) const {
  const float scale = std::sqrt(2.0F / static_cast<float>(outputs()));
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = scale *
             std::cos(Dot(x, std::span(directions_).subspan(i * inputs_, inputs_)) + offsets_[i]);
  }
}

}  // namespace mixmatch
