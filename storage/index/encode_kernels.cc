// Vectors to codes: one function for each instruction set, chosen at run time. All give the same
// bytes.
#include <algorithm>
#include <cmath>

#include "storage/index/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mixmatch {
namespace {

// Numbers [begin, d), each as the integer next to x * steps.
void EncodeFrom(size_t begin, const float* x, size_t d, float steps, int8_t* high, int8_t* low) {
  for (size_t i = begin; i < d; ++i) {
    const auto code = static_cast<int32_t>(std::lrintf(x[i] * steps));
    const int32_t nearest = (code + 128) >> 8;
    high[i] = static_cast<int8_t>(nearest);
    low[i] = static_cast<int8_t>(code - nearest * 256);
  }
}

float LargestFrom(size_t begin, const float* x, size_t d, float most) {
  for (size_t i = begin; i < d; ++i) most = std::max(most, std::fabs(x[i]));
  return most;
}

// Of next to nothing all codes are 0: the quotient would have no end.
float StepsOf(float most) { return most > 1e-30F ? kCodeMax / most : 0; }

float EncodePortable(const float* x, size_t d, int8_t* high, int8_t* low) {
  const float most = LargestFrom(0, x, d, 0);
  EncodeFrom(0, x, d, StepsOf(most), high, low);
  return most;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) float EncodeAvx2(const float* x, size_t d, int8_t* high,
                                                 int8_t* low) {
  constexpr size_t kAtOnce = 16;
  const size_t whole = d / kAtOnce * kAtOnce;
  const __m256 unsigned_bits = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
  __m256 lanes = _mm256_setzero_ps();
  for (size_t i = 0; i < whole; i += 8) {
    lanes = _mm256_max_ps(lanes, _mm256_and_ps(unsigned_bits, _mm256_loadu_ps(x + i)));
  }
  alignas(32) float each[8];
  _mm256_store_ps(each, lanes);
  const float most = LargestFrom(whole, x, d, LargestFrom(0, each, 8, 0));
  const float steps = StepsOf(most);
  const __m256 by = _mm256_set1_ps(steps);
  for (size_t i = 0; i < whole; i += kAtOnce) {
    const __m256i first = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i), by));
    const __m256i second = _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + i + 8), by));
    // Sixteen codes of 16 bits in their order; no more than 32512 + 128, so sums hold.
    const __m256i code = _mm256_permute4x64_epi64(_mm256_packs_epi32(first, second), 0xD8);
    const __m256i nearest = _mm256_srai_epi16(_mm256_add_epi16(code, _mm256_set1_epi16(128)), 8);
    const __m256i rest = _mm256_sub_epi16(code, _mm256_slli_epi16(nearest, 8));
    const __m256i bytes = _mm256_permute4x64_epi64(_mm256_packs_epi16(nearest, rest), 0xD8);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(high + i), _mm256_castsi256_si128(bytes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(low + i), _mm256_extracti128_si256(bytes, 1));
  }
  EncodeFrom(whole, x, d, steps, high, low);
  return most;
}

#endif

}  // namespace

EncodeFunction EncodeFor(SimdLevel level) {
#if defined(__x86_64__)
  if (level != SimdLevel::kPortable) return EncodeAvx2;  // wider ones wait for the same memory
#endif
  (void)level;
  return EncodePortable;
}

EncodeFunction BestEncode() {
  return EncodeFor(IsSupported(SimdLevel::kAvx2) ? SimdLevel::kAvx2 : SimdLevel::kPortable);
}

}  // namespace mixmatch
