// The smaller side comes first, so that the square matrices between are small.
#include "core/learning/orthogonal.h"

#include "core/encoder/product.h"

namespace mixmatch {
namespace {

// x -> a x + b x^3 + c x^5 on singular values: steep at 0, and it stays about 1 once it is there.
constexpr double kLinear = 3.4445;
constexpr double kCubic = -4.7750;
constexpr double kQuintic = 2.0315;
constexpr int kRounds = 4;

// x [K, s, l] after all rounds. Costs 4 (2 l + s) K 2 s^2 operations.
at::Tensor Iterate(at::Tensor x) {
  for (int round = 0; round < kRounds; ++round) {
    const at::Tensor square = Products(x, x.transpose(1, 2));  // [K, s, s]
    const at::Tensor bend = AddProducts(square, kCubic, kQuintic, square, square);
    x = AddProducts(x, kLinear, 1, bend, x);
  }
  return x;
}

// The same where l is much larger than s, by what the rounds do to the square x x^T alone: every
// round multiplies x from the left by a polynomial of the square, and these commute. Costs
// (2 l + 13 s) K 2 s^2 operations.
at::Tensor IterateSquares(const at::Tensor& x) {
  const at::Tensor identity = at::eye(x.size(1), x.options()).expand({x.size(0), -1, -1});
  at::Tensor square = Products(x, x.transpose(1, 2));
  at::Tensor product;  // of the rounds' polynomials so far
  for (int round = 0; round < kRounds; ++round) {
    const at::Tensor bend =
        AddProducts(square, kCubic, kQuintic, square, square).add_(identity, kLinear);
    product = round == 0 ? bend : Products(bend, product);
    if (round + 1 < kRounds) square = Products(Products(bend, square), bend);
  }
  return Products(product, x);
}

}  // namespace

at::Tensor Orthogonalise(const at::Tensor& m) {
  const bool tall = m.size(1) > m.size(2);
  at::Tensor x = tall ? m.transpose(1, 2) : m;
  x = x / x.norm(2, {1, 2}, /*keepdim=*/true).clamp_min(1e-12);
  x = x.size(2) >= 2 * x.size(1) ? IterateSquares(x) : Iterate(x);
  return tall ? x.transpose(1, 2) : x;
}

}  // namespace mixmatch
