// Matrix products of a few rows and columns, where a BLAS call costs more than the product: the
// building block of attention within one sequence and of the contrastive loss.
//
// SmallGemm is inlined into functions marked MM_SIMD_CLONES, which the compiler builds once per
// level of vector instructions; which one runs is decided when the program loads.
#pragma once

#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MM_SIMD_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MM_SIMD_CLONES
#endif
#define MM_ALWAYS_INLINE inline __attribute__((always_inline))

namespace mixmatch {

// A matrix whose element (r, k) is data[r * row_stride + k * column_stride]: a transpose is a
// matter of strides.
struct StridedMatrix {
  const float* data = nullptr;
  int64_t row_stride = 0;
  int64_t column_stride = 1;
};

// A tile of kRows x kColumns sums that stays in registers.
template <int kRows, int kColumns>
MM_ALWAYS_INLINE void GemmTile(const StridedMatrix& a, const float* b, int64_t b_stride, int64_t k,
                               float* c, int64_t c_stride) {
  float sums[kRows][kColumns] = {};
  for (int64_t i = 0; i < k; ++i) {
    const float* b_row = b + i * b_stride;
    for (int r = 0; r < kRows; ++r) {
      const float a_value = a.data[r * a.row_stride + i * a.column_stride];
#pragma GCC ivdep
      for (int n = 0; n < kColumns; ++n) sums[r][n] += a_value * b_row[n];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int n = 0; n < kColumns; ++n) c[r * c_stride + n] = sums[r][n];
  }
}

// All rows of a panel of kColumns columns.
template <int kColumns>
MM_ALWAYS_INLINE void GemmPanel(int64_t m, int64_t k, const StridedMatrix& a, const float* b,
                                int64_t b_stride, float* c, int64_t c_stride) {
  int64_t r = 0;
  for (; r + 4 <= m; r += 4) {
    const StridedMatrix rows{a.data + r * a.row_stride, a.row_stride, a.column_stride};
    GemmTile<4, kColumns>(rows, b, b_stride, k, c + r * c_stride, c_stride);
  }
  for (; r < m; ++r) {
    const StridedMatrix row{a.data + r * a.row_stride, a.row_stride, a.column_stride};
    GemmTile<1, kColumns>(row, b, b_stride, k, c + r * c_stride, c_stride);
  }
}

// C [m, n] = A [m, k] B [k, n]; rows of B and C are contiguous, their strides are given.
MM_ALWAYS_INLINE void SmallGemm(int64_t m, int64_t n, int64_t k, const StridedMatrix& a,
                                const float* b, int64_t b_stride, float* c, int64_t c_stride) {
  int64_t column = 0;
  for (; column + 16 <= n; column += 16) {
    GemmPanel<16>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
  for (; column + 8 <= n; column += 8) {
    GemmPanel<8>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
  for (; column < n; ++column) {
    GemmPanel<1>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
}

}  // namespace mixmatch
