// The smaller side comes first, so that the square matrices between are small.
#include "core/learning/orthogonal.h"

namespace mixmatch {
namespace {

// x -> a x + b x^3 + c x^5 on singular values: steep at 0, and it stays about 1 once it is there.
constexpr double kLinear = 3.4445;
constexpr double kCubic = -4.7750;
constexpr double kQuintic = 2.0315;
constexpr int kRounds = 5;

}  // namespace

at::Tensor Orthogonalise(const at::Tensor& m) {
  const bool tall = m.size(1) > m.size(2);
  at::Tensor x = tall ? m.transpose(1, 2) : m;
  x = x / x.norm(2, {1, 2}, /*keepdim=*/true).clamp_min(1e-12);
  for (int round = 0; round < kRounds; ++round) {
    const at::Tensor square = at::bmm(x, x.transpose(1, 2));  // [K, s, s]
    x = x * kLinear + at::bmm(square * kCubic + at::bmm(square, square) * kQuintic, x);
  }
  return tall ? x.transpose(1, 2) : x;
}

}  // namespace mixmatch
