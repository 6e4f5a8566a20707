// Similarities by products, a block of examples at a time.
#include "core/skills/familiarity.h"

#include <algorithm>
#include <cmath>

#include "core/skills/linear_algebra.h"

namespace mixmatch {
namespace {

constexpr size_t kBlock = 256;  // examples that are left out at once

double MeanOf(const std::vector<Familiarity::Near>& nearest) {
  if (nearest.empty()) return -1;
  double sum = 0;
  for (const Familiarity::Near& near : nearest) sum += near.similarity;
  return sum / static_cast<double>(nearest.size());
}

}  // namespace

Familiarity::Familiarity(std::span<const float> x, size_t dimension, size_t neighbours)
    : dimension_(dimension),
      neighbours_(neighbours),
      count_(x.size() / dimension),
      units_(x.begin(), x.end()) {
  for (size_t i = 0; i < count_; ++i) {
    Normalise(std::span(units_).subspan(i * dimension_, dimension_));
  }
  std::vector<float> similarities;
  for (size_t first = 0; first < count_; first += kBlock) {
    const size_t rows = std::min(kBlock, count_ - first);
    similarities.resize(rows * count_);
    MultiplyTransposed(
        std::span<const float>(units_).subspan(first * dimension_, rows * dimension_), units_,
        dimension_, similarities);
    for (size_t row = 0; row < rows; ++row) {
      const size_t self = first + row;
      const std::vector<Near> nearest =
          Largest(std::span<const float>(similarities).subspan(row * count_, count_), neighbours_,
                  [self](size_t place) { return place != self; });
      nearest_other_.push_back(nearest.empty() ? kNobody : nearest[0].place);
      left_out_.push_back(MeanOf(nearest));
    }
  }
  std::sort(left_out_.begin(), left_out_.end());
}

std::vector<float> Familiarity::Similarities(std::span<const float> x) const {
  std::vector<float> similarities(count_);
  const float size = std::sqrt(Dot(x, x));
  for (size_t i = 0; i < count_ && size > 0; ++i) {
    similarities[i] =
        Dot(x, std::span<const float>(units_).subspan(i * dimension_, dimension_)) / size;
  }
  return similarities;
}

double Familiarity::ShareBelow(std::span<const float> similarities) const {
  if (count_ == 0) return 0;
  const double mean = MeanOf(Largest(similarities, neighbours_, [](size_t) { return true; }));
  const auto below = std::lower_bound(left_out_.begin(), left_out_.end(), mean);
  return static_cast<double>(below - left_out_.begin()) / static_cast<double>(count_);
}

}  // namespace mixmatch
