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

inline constexpr int64_t kLanes = 16;

// Vectors that may lie at any address that a float may lie at.
typedef float FloatLanes __attribute__((vector_size(64), aligned(4), may_alias));
typedef int32_t IntLanes __attribute__((vector_size(64), aligned(4), may_alias));

MM_ALWAYS_INLINE FloatLanes* LanesAt(float* p) { return reinterpret_cast<FloatLanes*>(p); }
MM_ALWAYS_INLINE const FloatLanes* LanesAt(const float* p) {
  return reinterpret_cast<const FloatLanes*>(p);
}

// A template argument loses the alignment of its type, so vectors are moved by these.
MM_ALWAYS_INLINE void Load(const float* p, FloatLanes& value) { value = *LanesAt(p); }
MM_ALWAYS_INLINE void Load(const float* p, float& value) { value = *p; }
MM_ALWAYS_INLINE void Store(const FloatLanes& value, float* p) { *LanesAt(p) = value; }
MM_ALWAYS_INLINE void Store(const float& value, float* p) { *p = value; }

template <bool Vectors>
struct Lanes {
  using Number = FloatLanes;
};
template <>
struct Lanes<false> {
  using Number = float;
};

// A matrix whose element (r, k) is data[r * row_stride + k * column_stride]: a transpose is a
// matter of strides.
struct StridedMatrix {
  const float* data = nullptr;
  int64_t row_stride = 0;
  int64_t column_stride = 1;
};

// Several rows of one column of vectors (or of numbers): sums that stay in registers.
template <int Rows, bool Vectors>
MM_ALWAYS_INLINE void GemmTile(const StridedMatrix& a, const float* b, int64_t b_stride, int64_t k,
                               float* c, int64_t c_stride) {
  using Number = typename Lanes<Vectors>::Number;
  Number sums[Rows] = {};
  const float* a_rows[Rows];
  for (int r = 0; r < Rows; ++r) a_rows[r] = a.data + r * a.row_stride;
  for (int64_t i = 0; i < k; ++i) {
    Number b_lanes;
    Load(b + i * b_stride, b_lanes);
    const int64_t at = i * a.column_stride;
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) sums[r] += a_rows[r][at] * b_lanes;
  }
  for (int r = 0; r < Rows; ++r) Store(sums[r], c + r * c_stride);
}

// All rows of one column of vectors.
template <bool Vectors>
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
  for (; column + kLanes <= n; column += kLanes) {
    GemmPanel<true>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
  for (; column < n; ++column) {
    GemmPanel<false>(m, k, a, b + column, b_stride, c + column, c_stride);
  }
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
