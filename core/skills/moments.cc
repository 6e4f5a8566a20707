// Sums of products of floats in doubles: exact to rounding.
#include "core/skills/moments.h"

#include <algorithm>
#include <cmath>

#include "core/skills/linear_algebra.h"

namespace mixmatch {
namespace {

constexpr size_t kChunk = 256;  // examples at once: what a product is fast for

// Of a sum that was taken down to nothing, rounding may stay.
constexpr double kNothing = 1e-9;

}  // namespace

Moments::Moments(size_t dimension)
    : dimension_(dimension), sum_(dimension), gram_(dimension * dimension) {}

void Moments::Accumulate(std::span<const float> x, double factor) {
  std::vector<double> chunk;
  for (size_t at = 0; at < x.size(); at += kChunk * dimension_) {
    const auto part = x.subspan(at, std::min(kChunk * dimension_, x.size() - at));
    chunk.assign(part.begin(), part.end());
    AddGram(chunk, dimension_, factor, gram_);
    for (size_t i = 0; i < chunk.size(); ++i) sum_[i % dimension_] += factor * chunk[i];
    const size_t examples = chunk.size() / dimension_;
    count_ += factor * static_cast<double>(examples);
  }
}

void Moments::Merge(const Moments& other) {
  count_ += other.count_;
  for (size_t i = 0; i < sum_.size(); ++i) sum_[i] += other.sum_[i];
  for (size_t i = 0; i < gram_.size(); ++i) gram_[i] += other.gram_[i];
}

std::vector<double> Moments::Mean() const {
  std::vector<double> mean(dimension_);
  if (count_ <= 0) return mean;
  for (size_t i = 0; i < dimension_; ++i) mean[i] = sum_[i] / count_;
  return mean;
}

std::vector<double> Moments::Covariance(double ridge) const {
  const std::vector<double> mean = Mean();
  const double scale = count_ > 0 ? 1 / count_ : 0;
  std::vector<double> covariance(dimension_ * dimension_);
  double trace = 0;
  for (size_t i = 0; i < dimension_; ++i) {
    for (size_t j = i; j < dimension_; ++j) {
      covariance[i * dimension_ + j] = gram_[i * dimension_ + j] * scale - mean[i] * mean[j];
    }
    trace += covariance[i * dimension_ + i];
  }
  // Where nothing varies there is no scale to go by, and 1 is as good as any.
  const double variance = trace > 0 ? trace / static_cast<double>(dimension_) : 1;
  for (size_t i = 0; i < dimension_; ++i) covariance[i * (dimension_ + 1)] += ridge * variance;
  return covariance;
}

void Responses::Accumulate(int output, std::span<const float> x, double y, double factor) {
  ResponseSums& sums = outputs_[output];
  if (sums.cross.empty()) sums.cross.resize(dimension_);
  sums.weight += factor * y;
  sums.squares += factor * y * y;
  for (size_t i = 0; i < dimension_; ++i) sums.cross[i] += factor * y * static_cast<double>(x[i]);
  if (std::abs(sums.weight) < kNothing && std::abs(sums.squares) < kNothing) outputs_.erase(output);
}

void Responses::Merge(const Responses& other) {
  for (const auto& [output, theirs] : other.outputs_) {
    ResponseSums& sums = outputs_[output];
    if (sums.cross.empty()) sums.cross.resize(dimension_);
    sums.weight += theirs.weight;
    sums.squares += theirs.squares;
    for (size_t i = 0; i < dimension_; ++i) sums.cross[i] += theirs.cross[i];
  }
}

}  // namespace mixmatch
