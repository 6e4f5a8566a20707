// Encoding rounds once; the bounds of a scan follow from the widths of what was rounded away.
#include "storage/index/codes.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mixmatch {
namespace {

constexpr float kQueryMax = 2047;  // times 127 times 8192 numbers is less than 2^31
constexpr float kLowMax = 128.5F;  // what a low byte and the rounding of a code come to

size_t StrideOf(size_t dimension) { return (dimension + kCodeAlign - 1) / kCodeAlign * kCodeAlign; }

float Largest(const float* x, size_t d) {
  float most = 0;
  for (size_t i = 0; i < d; ++i) most = std::max(most, std::fabs(x[i]));
  return most;
}

}  // namespace

Codes::Codes(size_t capacity, size_t dimension)
    : dimension_(dimension),
      stride_(StrideOf(dimension)),
      high_(capacity * stride_),
      low_(capacity * stride_),
      scale_(capacity) {}

size_t Codes::BytesPerVector(size_t dimension) { return 2 * StrideOf(dimension) + sizeof(float); }

void Codes::Set(size_t place, const float* x) {
  int8_t* high = high_.get() + place * stride_;
  int8_t* low = low_.get() + place * stride_;
  const float most = encode_(x, dimension_, high, low);
  std::memset(high + dimension_, 0, stride_ - dimension_);
  std::memset(low + dimension_, 0, stride_ - dimension_);
  scale_[place] = most / kCodeMax;
}

void Codes::Copy(size_t place, const Codes& from, size_t from_place) {
  std::memcpy(high_.get() + place * stride_, from.high(from_place), stride_);
  std::memcpy(low_.get() + place * stride_, from.low(from_place), stride_);
  scale_[place] = from.scale(from_place);
}

void Codes::Decode(size_t place, float* x) const {
  const int8_t* from_high = high(place);
  const int8_t* from_low = low(place);
  for (size_t i = 0; i < dimension_; ++i) {
    x[i] = scale_[place] * static_cast<float>(from_high[i] * 256 + from_low[i]);
  }
}

CodeQuery::CodeQuery(std::span<const float> query)
    : padded_(StrideOf(query.size())), rounded_(StrideOf(query.size())) {
  for (size_t i = 0; i < query.size(); ++i) padded_[i] = query[i];
  const float most = Largest(query.data(), query.size());
  const float step = most > 0 ? most / kQueryMax : 1;
  float sum = 0;
  for (size_t i = 0; i < query.size(); ++i) {
    rounded_[i] = static_cast<int16_t>(std::lrintf(query[i] / step));
    sum += std::fabs(query[i]);
  }
  sum_scale_ = step * 256;
  slack_ = kLowMax * sum;
  // The absolute numbers of a unit vector sum up to the root of their count at most, those of its
  // high bytes to as much more as rounding adds; and a little for sums of floats.
  const auto d = static_cast<float>(query.size());
  margin_ = 0.51F * step * (std::sqrt(d) + d / 254) + 2e-6F * (1 + sum);
}

void CodeQuery::Coarse(const Codes& codes, size_t count, float* similarities) const {
  constexpr size_t kChunk = 256;
  int32_t sums[kChunk];
  for (size_t at = 0; at < count; at += kChunk) {
    const size_t n = std::min(kChunk, count - at);
    coarse_(rounded_.data(), codes.high(at), n, codes.stride(), sums);
    for (size_t i = 0; i < n; ++i) {
      similarities[at + i] = static_cast<float>(sums[i]) * sum_scale_ * codes.scale(at + i);
    }
  }
}

}  // namespace mixmatch
