// Matrix products of a few rows and columns, where a BLAS call costs more than the product: the
// building block of attention within one sequence and of the contrastive loss.
//
// Everything here is inlined into functions marked MM_SIMD_CLONES, which the compiler builds once
// per level of vector instructions; which one runs is decided when the program loads. Vectors are
// the compiler's own: it splits them where the machine's are narrower.
#pragma once

#include <cstdint>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define MM_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MM_SIMD_CLONES
#endif
#define MM_ALWAYS_INLINE inline __attribute__((always_inline))

namespace mixmatch {

// Eight: what AVX2 holds in one register. The compiler keeps wider vectors in memory there, which
// made attention three times as slow.
inline constexpr int64_t kLanes = 8;

// Vectors that may lie at any address that a float may lie at.
typedef float FloatLanes __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t IntLanes __attribute__((vector_size(32), aligned(4), may_alias));

MM_ALWAYS_INLINE FloatLanes* LanesAt(float* p) { return reinterpret_cast<FloatLanes*>(p); }
MM_ALWAYS_INLINE const FloatLanes* LanesAt(const float* p) {
  return reinterpret_cast<const FloatLanes*>(p);
}

// A template argument loses the alignment of its type, so vectors are moved by these.
MM_ALWAYS_INLINE void Load(const float* p, FloatLanes& value) { value = *LanesAt(p); }
MM_ALWAYS_INLINE void Load(const float* p, float& value) { value = *p; }
MM_ALWAYS_INLINE void Store(const FloatLanes& value, float* p) { *LanesAt(p) = value; }
MM_ALWAYS_INLINE void Store(const float& value, float* p) { *p = value; }

// A column of C that is worked on at once: so many vectors, or one number.
template <int Vectors>
struct Column {
  using Number = FloatLanes;
  static constexpr int kParts = Vectors;
  static constexpr int64_t kWidth = Vectors * kLanes;
};
template <>
struct Column<0> {
  using Number = float;
  static constexpr int kParts = 1;
  static constexpr int64_t kWidth = 1;
};

// A matrix whose element (r, k) is data[r * row_stride + k * column_stride]: a transpose is a
// matter of strides.
struct StridedMatrix {
  const float* data = nullptr;
  int64_t row_stride = 0;
  int64_t column_stride = 1;
};

// Several rows of one column: sums that stay in registers.
template <int Rows, int Vectors>
MM_ALWAYS_INLINE void GemmTile(const StridedMatrix& a, const float* b, int64_t b_stride, int64_t k,
                               float* c, int64_t c_stride) {
  using C = Column<Vectors>;
  typename C::Number sums[Rows][C::kParts] = {};
  for (int64_t i = 0; i < k; ++i) {
    const float* from = a.data + i * a.column_stride;
    typename C::Number lanes[C::kParts];
#pragma GCC unroll 2
    for (int part = 0; part < C::kParts; ++part) {
      Load(b + i * b_stride + part * kLanes, lanes[part]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
      const float factor = from[r * a.row_stride];
#pragma GCC unroll 2
      for (int part = 0; part < C::kParts; ++part) sums[r][part] += factor * lanes[part];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 2
    for (int part = 0; part < C::kParts; ++part) {
      Store(sums[r][part], c + r * c_stride + part * kLanes);
    }
  }
}

// All rows of one column.
template <int Vectors>
MM_ALWAYS_INLINE void GemmPanel(int64_t m, int64_t k, const StridedMatrix& a, const float* b,
                                int64_t b_stride, float* c, int64_t c_stride) {
  constexpr int64_t kStep = 6;
  for (int64_t r = 0; r < m; r += kStep) {
    const StridedMatrix rows{a.data + r * a.row_stride, a.row_stride, a.column_stride};
    float* to = c + r * c_stride;
    switch (m - r) {
      case 1:
        GemmTile<1, Vectors>(rows, b, b_stride, k, to, c_stride);
        break;
      case 2:
        GemmTile<2, Vectors>(rows, b, b_stride, k, to, c_stride);
        break;
      case 3:
        GemmTile<3, Vectors>(rows, b, b_stride, k, to, c_stride);
        break;
      case 4:
        GemmTile<4, Vectors>(rows, b, b_stride, k, to, c_stride);
        break;
      case 5:
        GemmTile<5, Vectors>(rows, b, b_stride, k, to, c_stride);
        break;
      default:
        GemmTile<kStep, Vectors>(rows, b, b_stride, k, to, c_stride);
    }
  }
}

// C [m, n] = A [m, k] B [k, n]; rows of B and C are contiguous, their strides are given.
MM_ALWAYS_INLINE void SmallGemm(int64_t m, int64_t n, int64_t k, const StridedMatrix& a,
                                const float* b, int64_t b_stride, float* c, int64_t c_stride) {
  int64_t column = 0;
  for (; column + Column<2>::kWidth <= n; column += Column<2>::kWidth) {
    GemmPanel<2>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
  for (; column + Column<1>::kWidth <= n; column += Column<1>::kWidth) {
    GemmPanel<1>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
  for (; column < n; ++column) {
    GemmPanel<0>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
}

// rows[c][r] becomes rows[r][c]: 8 x 8 numbers. Halves, then quarters, then neighbours change
// places between pairs of rows.
MM_ALWAYS_INLINE void TransposeLanes(FloatLanes (&rows)[kLanes]) {
#pragma GCC unroll 4
  for (int r = 0; r < 4; ++r) {
    const FloatLanes a = rows[r];
    const FloatLanes b = rows[r + 4];
    rows[r] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    rows[r + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  }
#pragma GCC unroll 4
  for (int pair = 0; pair < 4; ++pair) {
    const int r = pair / 2 * 4 + pair % 2;
    const FloatLanes a = rows[r];
    const FloatLanes b = rows[r + 2];
    rows[r] = __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
    rows[r + 2] = __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kLanes; r += 2) {
    const FloatLanes a = rows[r];
    const FloatLanes b = rows[r + 1];
    rows[r] = __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
    rows[r + 1] = __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15);
  }
}

MM_ALWAYS_INLINE float SumLanes(const FloatLanes& lanes) {
  return ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5])) +
         ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
}

// Replaces x by exp(x), for x <= 0, with a relative error below 3e-7 (what is below -87 counts as
// -87): 2^(x / ln 2), the whole part into the exponent, the rest by a polynomial.
MM_ALWAYS_INLINE void ExpInPlace(FloatLanes& x) {
  const FloatLanes scaled = (x < -87.0F ? FloatLanes{} - 87.0F : x) * 1.44269504F;
  const IntLanes whole = __builtin_convertvector(scaled - 0.5F, IntLanes);  // towards zero
  const FloatLanes f = (scaled - __builtin_convertvector(whole, FloatLanes)) * 0.69314718F;
  FloatLanes p = f * (1.0F / 5040.0F) + (1.0F / 720.0F);
  p = p * f + (1.0F / 120.0F);
  p = p * f + (1.0F / 24.0F);
  p = p * f + (1.0F / 6.0F);
  p = p * f + 0.5F;
  p = p * f + 1.0F;
  p = p * f + 1.0F;
  const IntLanes power = (whole + 127) << 23;
  x = p * reinterpret_cast<const FloatLanes&>(power);
}

}  // namespace mixmatch
