// The error function by Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26: its one
// exponential is what the derivative needs too.
#include "core/encoder/gelu_kernel.h"

#include <algorithm>

#include "core/encoder/small_gemm.h"

namespace mixmatch {
namespace {

// `below` becomes P(N(0, 1) < x), and `density` the normal density at x.
MM_ALWAYS_INLINE void Normal(const FloatLanes& x, FloatLanes& below, FloatLanes& density) {
  const FloatLanes size = x < 0.0F ? -x : x;
  FloatLanes e = x * x * -0.5F;
  ExpInPlace(e);
  const FloatLanes t = 1.0F / (1.0F + (0.3275911F * 0.70710678F) * size);
  FloatLanes p = t * 1.061405429F - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const FloatLanes tail = p * t * e * 0.5F;  // P(N(0, 1) > |x|)
  below = x < 0.0F ? tail : 1.0F - tail;
  density = e * 0.39894228F;
}

MM_ALWAYS_INLINE void Forward(const float* x, float* to) {
  const FloatLanes value = *LanesAt(x);
  FloatLanes below;
  FloatLanes density;
  Normal(value, below, density);
  *LanesAt(to) = value * below;
}

MM_ALWAYS_INLINE void Backward(const float* x, const float* grad_out, float* grad_x) {
  const FloatLanes value = *LanesAt(x);
  FloatLanes below;
  FloatLanes density;
  Normal(value, below, density);
  *LanesAt(grad_x) = *LanesAt(grad_out) * (below + value * density);
}

MM_SIMD_CLONES void ForwardRange(int64_t count, const float* x, float* to) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Forward(x + i, to + i);
  if (i == count) return;
  float rest[kLanes] = {};
  std::copy(x + i, x + count, rest);
  Forward(rest, rest);
  std::copy(rest, rest + (count - i), to + i);
}

MM_SIMD_CLONES void BackwardRange(int64_t count, const float* x, const float* grad_out,
                                  float* grad_x) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) Backward(x + i, grad_out + i, grad_x + i);
  if (i == count) return;
  float rest[kLanes] = {};
  float rest_grad[kLanes] = {};
  std::copy(x + i, x + count, rest);
  std::copy(grad_out + i, grad_out + count, rest_grad);
  Backward(rest, rest_grad, rest_grad);
  std::copy(rest_grad, rest_grad + (count - i), grad_x + i);
}

constexpr int64_t kChunk = 1 << 14;

}  // namespace

void GeluForward(int64_t count, const float* x, float* to) {
#pragma omp parallel for schedule(static) if (count > 4 * kChunk)
  for (int64_t i = 0; i < count; i += kChunk) {
    ForwardRange(std::min(kChunk, count - i), x + i, to + i);
  }
}

void GeluBackward(int64_t count, const float* x, const float* grad_out, float* grad_x) {
#pragma omp parallel for schedule(static) if (count > 4 * kChunk)
  for (int64_t i = 0; i < count; i += kChunk) {
    BackwardRange(std::min(kChunk, count - i), x + i, grad_out + i, grad_x + i);
  }
}

}  // namespace mixmatch
