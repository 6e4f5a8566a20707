// Vectors as fixed-point numbers of 16 bits, high bytes apart from low ones: the high ones alone
// are a coarse copy of one byte a number that is scanned first, both together are all but exact.
//
// Of a vector x [d] each number is c * scale, c an integer of -32512 to 32512 and
// scale = max |x| / 32512; c = 256 * high + low with high the nearest, so that -128 <= low <= 127.
// A unit vector of 128 numbers comes back within 5e-6 in each, and an inner product of two within
// about 1e-6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "storage/index/huge_array.h"
#include "storage/index/kernels.h"

namespace mixmatch {

// Thread-safety: one thread writes; vectors that were published to others are safe to share.
class Codes {
 public:
  static constexpr size_t kDimensionMax = 8192;

  // Room for `capacity` vectors; pages that are not written take no memory. Requires
  // dimension <= kDimensionMax.
  Codes(size_t capacity, size_t dimension);

  // Encodes x [d], whose numbers are finite.
  void Set(size_t place, const float* x);
  // Takes over another's vector as it is. Requires the same dimension.
  void Copy(size_t place, const Codes& from, size_t from_place);
  // Decodes to x [d].
  void Decode(size_t place, float* x) const;

  size_t dimension() const { return dimension_; }
  // Bytes from a vector's high bytes to the next one's; what lies behind the dimension is 0.
  size_t stride() const { return stride_; }
  const int8_t* high(size_t place) const { return high_.get() + place * stride_; }
  const int8_t* low(size_t place) const { return low_.get() + place * stride_; }
  float scale(size_t place) const { return scale_[place]; }
  const float* scales(size_t first) const { return scale_.get() + first; }
  // Has the vector's bytes brought near.
  void Prefetch(size_t place) const {
    constexpr size_t kLine = 64;
    for (size_t at = 0; at < stride_; at += kLine) {
      __builtin_prefetch(high(place) + at);
      __builtin_prefetch(low(place) + at);
    }
  }
  // Of memory that one vector takes.
  static size_t BytesPerVector(size_t dimension);

 private:
  const EncodeFunction encode_ = BestEncode();
  const size_t dimension_;
  const size_t stride_;
  const HugeArray<int8_t> high_;  // [capacity, stride]
  const HugeArray<int8_t> low_;   // [capacity, stride]
  const HugeArray<float> scale_;  // [capacity]
};

// A query in the forms that the kernels take.
// Thread-safety: Immutable; safe to share.
class CodeQuery {
 public:
  // query [d], finite.
  explicit CodeQuery(std::span<const float> query);

  // [d], as it was given.
  const float* values() const { return padded_.data(); }

  // The inner product with one vector, as exact as codes are.
  float Fine(const Codes& codes, size_t place) const {
    return fine_(padded_.data(), codes.high(place), codes.low(place), codes.stride()) *
           codes.scale(place);
  }

  // Calls see(place, exact(place)) for those vectors of [begin, end) for which exact(place), their
  // similarity in whatever form it is kept, is at least threshold(), which may rise on the way.
  // What is left out is proven to be below by high bytes alone.
  template <typename Threshold, typename Exact, typename See>
  void Scan(const Codes& codes, size_t begin, size_t end, Threshold threshold, Exact exact,
            See see) const {
    constexpr size_t kChunk = 256;
    int32_t sums[kChunk];
    for (size_t at = begin; at < end; at += kChunk) {
      const size_t count = end - at < kChunk ? end - at : kChunk;
      coarse_(rounded_.data(), codes.high(at), count, codes.stride(), sums);
      float least = threshold();
      for (size_t block = 0; block < count; block += kBlock) {
        const size_t block_end = block + kBlock;
        if (block_end <= count && !AnyMayReach(least, sums + block, codes.scales(at + block))) {
          continue;
        }
        for (size_t i = block; i < std::min(block_end, count); ++i) {
          if (!(Most(sums[i], codes.scale(at + i)) >= least)) continue;
          const float similarity = exact(at + i);
          if (!(similarity >= least)) continue;
          see(at + i, similarity);
          least = threshold();
        }
      }
    }
  }

  // The inner products with vectors [0, count), by high bytes alone.
  void Coarse(const Codes& codes, size_t count, float* similarities) const;

 private:
  static constexpr size_t kBlock = 16;

  // What the similarity of a vector can be at most.
  float Most(int32_t sum, float scale) const {
    return scale * (static_cast<float>(sum) * sum_scale_ + slack_) + margin_;
  }
  // Hardly any does: so many are told at once, without a branch for each.
  bool AnyMayReach(float least, const int32_t* sums, const float* scales) const {
    int32_t any = 0;
    for (size_t i = 0; i < kBlock; ++i) any |= Most(sums[i], scales[i]) >= least ? 1 : 0;
    return any != 0;
  }

  const CoarseFunction coarse_ = BestCoarse();
  const FineFunction fine_ = BestFine();
  std::vector<float> padded_;     // [stride]
  std::vector<int16_t> rounded_;  // [stride]
  float sum_scale_ = 0;           // of a sum of products, beside the vector's own scale
  float slack_ = 0;               // what low bytes can add, in units of the vector's scale
  float margin_ = 0;              // what the rounding of the query can add
};

}  // namespace mixmatch
