// Inner products of float vectors and of codes (codes.h), and the making of codes, as fast as the
// CPU at hand allows.
//
// FAISS' packages are built without AVX, so what they compare with is replaced by this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mixmatch {

enum class SimdLevel { kPortable, kAvx2, kAvx512 };

// "portable", "avx2", "avx512".
std::string_view SimdLevelName(SimdLevel level);

// Whether this CPU can.
bool IsSupported(SimdLevel level);

// The inner product of a [d] and b [d]; no alignment needed. Thread-safe.
using DotFunction = float (*)(const float* a, const float* b, size_t d);

// Requires IsSupported(level).
DotFunction DotFor(SimdLevel level);

// The fastest that this CPU can.
DotFunction BestDot();

// Codes are padded with zeros to a multiple of so many bytes.
inline constexpr size_t kCodeAlign = 32;

// sums[i] = the inner product of query [stride] and high + i * stride, for i below count. Exact,
// while it fits 32 bits; stride is a multiple of kCodeAlign. No alignment needed. Thread-safe.
using CoarseFunction = void (*)(const int16_t* query, const int8_t* high, size_t count,
                                size_t stride, int32_t* sums);
CoarseFunction CoarseFor(SimdLevel level);
CoarseFunction BestCoarse();

// The inner product of query [stride] and 256 * high + low. As above.
using FineFunction = float (*)(const float* query, const int8_t* high, const int8_t* low,
                               size_t stride);
FineFunction FineFor(SimdLevel level);
FineFunction BestFine();

// The largest code of a number.
inline constexpr float kCodeMax = 32512;  // 127 * 256

// Encodes x [d], whose numbers are finite, as high [d] and low [d] bytes, and returns the largest
// |x|, which kCodeMax stands for. The same on every level. No alignment needed. Thread-safe.
using EncodeFunction = float (*)(const float* x, size_t d, int8_t* high, int8_t* low);
EncodeFunction EncodeFor(SimdLevel level);
EncodeFunction BestEncode();

}  // namespace mixmatch
