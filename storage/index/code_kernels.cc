// Kernels over codes: one function for each instruction set, chosen at run time.
#include "storage/index/kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace mixmatch {
namespace {

void CoarsePortable(const int16_t* query, const int8_t* high, size_t count, size_t stride,
                    int32_t* sums) {
  for (size_t i = 0; i < count; ++i) {
    int32_t sum = 0;
    for (size_t j = 0; j < stride; ++j) sum += int32_t{query[j]} * high[i * stride + j];
    sums[i] = sum;
  }
}

float FinePortable(const float* query, const int8_t* high, const int8_t* low, size_t stride) {
  constexpr size_t kLanes = 8;
  float lanes[kLanes] = {};
  for (size_t j = 0; j < stride; j += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] += query[j + lane] * static_cast<float>(high[j + lane] * 256 + low[j + lane]);
    }
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) inline int32_t SumOf(__m256i lanes) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
  return _mm_cvtsi128_si32(half);
}

__attribute__((target("avx2"))) inline float SumOf(__m256 lanes) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps(lanes, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  half = _mm_add_ss(half, _mm_movehdup_ps(half));
  return _mm_cvtss_f32(half);
}

__attribute__((target("avx2"))) void CoarseAvx2(const int16_t* query, const int8_t* high,
                                                size_t count, size_t stride, int32_t* sums) {
  for (size_t i = 0; i < count; ++i) {
    const int8_t* codes = high + i * stride;
    __m256i sum0 = _mm256_setzero_si256();
    __m256i sum1 = _mm256_setzero_si256();
    for (size_t j = 0; j < stride; j += 32) {
      const __m256i a =
          _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + j)));
      const __m256i b =
          _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(codes + j + 16)));
      const auto* q = reinterpret_cast<const __m256i*>(query + j);
      sum0 = _mm256_add_epi32(sum0, _mm256_madd_epi16(a, _mm256_loadu_si256(q)));
      sum1 = _mm256_add_epi32(sum1, _mm256_madd_epi16(b, _mm256_loadu_si256(q + 1)));
    }
    sums[i] = SumOf(_mm256_add_epi32(sum0, sum1));
  }
}

__attribute__((target("avx2,fma"))) float FineAvx2(const float* query, const int8_t* high,
                                                   const int8_t* low, size_t stride) {
  __m256 sum0 = _mm256_setzero_ps();
  __m256 sum1 = _mm256_setzero_ps();
  for (size_t j = 0; j < stride; j += 16) {
    const __m256i h =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(high + j)));
    const __m256i l =
        _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(low + j)));
    const __m256i code = _mm256_add_epi16(_mm256_slli_epi16(h, 8), l);
    const __m256 first = _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_castsi256_si128(code)));
    const __m256 second =
        _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(_mm256_extracti128_si256(code, 1)));
    sum0 = _mm256_fmadd_ps(first, _mm256_loadu_ps(query + j), sum0);
    sum1 = _mm256_fmadd_ps(second, _mm256_loadu_ps(query + j + 8), sum1);
  }
  return SumOf(_mm256_add_ps(sum0, sum1));
}

#define MM_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx2,fma")))

MM_AVX512 inline __m256i Folded(__m512i lanes) {
  return _mm256_add_epi32(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
}

// Four vectors at a time: their sums are brought together in one go. Those that come so much later
// are asked for already: the processor itself does not look beyond a page.
constexpr size_t kVectorsAhead = 24;
MM_AVX512 void CoarseAvx512(const int16_t* query, const int8_t* high, size_t count, size_t stride,
                            int32_t* sums) {
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    const int8_t* codes = high + i * stride;
    for (size_t j = 0; j < 4 * stride; j += 64) {
      __builtin_prefetch(codes + kVectorsAhead * stride + j);
    }
    __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    for (size_t j = 0; j < stride; j += 32) {
      const __m512i q = _mm512_loadu_si512(query + j);
#pragma GCC unroll 4
      for (size_t v = 0; v < 4; ++v) {
        const __m512i a = _mm512_cvtepi8_epi16(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes + v * stride + j)));
        sum[v] = _mm512_add_epi32(sum[v], _mm512_madd_epi16(a, q));
      }
    }
    const __m256i both = _mm256_hadd_epi32(_mm256_hadd_epi32(Folded(sum[0]), Folded(sum[1])),
                                           _mm256_hadd_epi32(Folded(sum[2]), Folded(sum[3])));
    _mm_storeu_si128(
        reinterpret_cast<__m128i*>(sums + i),
        _mm_add_epi32(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1)));
  }
  for (; i < count; ++i) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t j = 0; j < stride; j += 32) {
      const __m512i a = _mm512_cvtepi8_epi16(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(high + i * stride + j)));
      sum = _mm512_add_epi32(sum, _mm512_madd_epi16(a, _mm512_loadu_si512(query + j)));
    }
    sums[i] = SumOf(Folded(sum));
  }
}

MM_AVX512 float FineAvx512(const float* query, const int8_t* high, const int8_t* low,
                           size_t stride) {
  __m512 sum0 = _mm512_setzero_ps();
  __m512 sum1 = _mm512_setzero_ps();
  for (size_t j = 0; j < stride; j += 32) {
    const __m512i h =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(high + j)));
    const __m512i l =
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(low + j)));
    const __m512i code = _mm512_add_epi16(_mm512_slli_epi16(h, 8), l);
    const __m512 first = _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_castsi512_si256(code)));
    const __m512 second =
        _mm512_cvtepi32_ps(_mm512_cvtepi16_epi32(_mm512_extracti64x4_epi64(code, 1)));
    sum0 = _mm512_fmadd_ps(first, _mm512_loadu_ps(query + j), sum0);
    sum1 = _mm512_fmadd_ps(second, _mm512_loadu_ps(query + j + 16), sum1);
  }
  // Through memory: GCC 12 warns about its own _mm512_reduce_add_ps.
  alignas(64) float lanes[16];
  _mm512_store_ps(lanes, _mm512_add_ps(sum0, sum1));
  return SumOf(_mm256_add_ps(_mm256_load_ps(lanes), _mm256_load_ps(lanes + 8)));
}

#endif

// The fastest level that this CPU can.
SimdLevel BestLevel() {
  static const SimdLevel kBest = [] {
    for (const SimdLevel level : {SimdLevel::kAvx512, SimdLevel::kAvx2}) {
      if (IsSupported(level)) return level;
    }
    return SimdLevel::kPortable;
  }();
  return kBest;
}

}  // namespace

CoarseFunction CoarseFor(SimdLevel level) {
#if defined(__x86_64__)
  if (level == SimdLevel::kAvx512) return CoarseAvx512;
  if (level == SimdLevel::kAvx2) return CoarseAvx2;
#endif
  (void)level;
  return CoarsePortable;
}

FineFunction FineFor(SimdLevel level) {
#if defined(__x86_64__)
  if (level == SimdLevel::kAvx512) return FineAvx512;
  if (level == SimdLevel::kAvx2) return FineAvx2;
#endif
  (void)level;
  return FinePortable;
}

CoarseFunction BestCoarse() { return CoarseFor(BestLevel()); }
FineFunction BestFine() { return FineFor(BestLevel()); }

}  // namespace mixmatch
