// How both operands of Bf16Gemm are rounded and brought into the order in which its kernels read
// them: pairs of neighbours along k in 32 bits, since an instruction multiplies and adds two at a
// time. For bf16_gemm.cc and bf16_tiles.cc alone.
#pragma once

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>

#include "core/encoder/bf16_gemm.h"

#define MM_BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define MM_BF16_INLINE inline __attribute__((always_inline)) MM_BF16

namespace mixmatch::bf16 {

inline constexpr int64_t kLanes16 = 16;  // numbers of fp32, or pairs, in a register

// Room of one thread that grows and is never cleared.
class Room {
 public:
  uint32_t* Take(int64_t count) {
    if (count > count_) {
      data_.reset(static_cast<uint32_t*>(
          ::operator new(static_cast<size_t>(count) * sizeof(uint32_t), std::align_val_t(64))));
      count_ = count;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(uint32_t* data) const { ::operator delete(data, std::align_val_t(64)); }
  };
  std::unique_ptr<uint32_t, Free> data_;
  int64_t count_ = 0;
};

MM_BF16_INLINE __mmask16 MaskOf(int64_t count) {
  return count >= kLanes16 ? __mmask16{0xFFFF}
                           : static_cast<__mmask16>((1U << std::max<int64_t>(count, 0)) - 1);
}

MM_BF16_INLINE __m512i PairsAlongRow(const float* from, int64_t count) {
  const __m512 low = _mm512_maskz_loadu_ps(MaskOf(count), from);
  const __m512 high = count > kLanes16
                          ? _mm512_maskz_loadu_ps(MaskOf(count - kLanes16), from + kLanes16)
                          : _mm512_setzero_ps();
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

// Pairs of one row's numbers with the next row's.
MM_BF16_INLINE __m512i PairsOfRows(const float* first, const float* second, __mmask16 mask) {
  const __m512 low = _mm512_maskz_loadu_ps(mask, first);
  const __m512 high = second == nullptr ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(mask, second);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)));
}

// rows[r][c] becomes rows[c][r]: 16 x 16 pairs.
MM_BF16_INLINE void TransposePairs(__m512i (&rows)[kLanes16]) {
  __m512i t[kLanes16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512i even0 = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0x88);
    const __m512i even1 = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0x88);
    const __m512i odd0 = _mm512_shuffle_i32x4(rows[j], rows[4 + j], 0xDD);
    const __m512i odd1 = _mm512_shuffle_i32x4(rows[8 + j], rows[12 + j], 0xDD);
    t[j] = _mm512_shuffle_i32x4(even0, even1, 0x88);
    t[4 + j] = _mm512_shuffle_i32x4(odd0, odd1, 0x88);
    t[8 + j] = _mm512_shuffle_i32x4(even0, even1, 0xDD);
    t[12 + j] = _mm512_shuffle_i32x4(odd0, odd1, 0xDD);
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) rows[i] = t[i];
}

// One panel of B, `width` columns (16 or 32) of which `columns` exist: [pairs][width].
MM_BF16 inline void PackPanel(const Bf16Operand& b, int64_t k, int64_t columns, int64_t width,
                              uint32_t* to) {
  const int64_t pairs = (k + 1) / 2;
  if (b.column_stride == 1) {
    for (int64_t p = 0; p < pairs; ++p) {
      const float* first = b.data + 2 * p * b.row_stride;
      const float* second = 2 * p + 1 < k ? first + b.row_stride : nullptr;
      for (int64_t at = 0; at < width; at += kLanes16) {
        _mm512_store_si512(to + p * width + at,
                           PairsOfRows(first + at, second == nullptr ? nullptr : second + at,
                                       MaskOf(columns - at)));
      }
    }
    return;
  }
  for (int64_t at = 0; at < width; at += kLanes16) {
    for (int64_t p = 0; p < pairs; p += kLanes16) {
      __m512i rows[kLanes16];
#pragma GCC unroll 16
      for (int64_t c = 0; c < kLanes16; ++c) {
        rows[c] = at + c < columns
                      ? PairsAlongRow(b.data + (at + c) * b.column_stride + 2 * p, k - 2 * p)
                      : _mm512_setzero_si512();
      }
      TransposePairs(rows);
      for (int64_t i = 0; i < std::min(kLanes16, pairs - p); ++i) {
        _mm512_store_si512(to + (p + i) * width + at, rows[i]);
      }
    }
  }
}

// One block along k and n: everything that the rows of C need of it.
struct Block {
  int64_t k;          // numbers along k
  int64_t columns;    // of C
  int64_t width;      // of a panel of B
  int64_t panel;      // pairs from a panel of B to the next, over its width
  const uint32_t* b;  // panels
  const float* start;
  int64_t start_stride;
  float* c;
  int64_t c_stride;
};

}  // namespace mixmatch::bf16
