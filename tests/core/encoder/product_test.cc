// Products in bfloat16 against the same in fp32: near, differentiable, and only where asked for.
#include "core/encoder/product.h"

#include <gtest/gtest.h>

#include "core/encoder/bf16_gemm.h"

namespace mixmatch {
namespace {

constexpr char kNoInstructions[] = "skipped: this CPU has no AVX512-BF16";

// [sizes], between -1 and 1, the same on every machine.
at::Tensor Noise(at::IntArrayRef sizes, double speed) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return at::sin(at::arange(count, at::kFloat).pow(2) * speed).view(sizes).clone();
}

double Error(const at::Tensor& got, const at::Tensor& wanted) {
  return ((got - wanted).norm() / wanted.norm()).item<double>();
}

struct Pass {
  at::Tensor out, grad_x, grad_weight, grad_bias;
};

Pass RunPass(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::Tensor in = x.clone().requires_grad_(true);
  const at::Tensor w = weight.clone().requires_grad_(true);
  const at::Tensor b = bias.clone().requires_grad_(true);
  const at::Tensor out = LinearMap(in, w, b);
  out.backward(Noise({out.size(0), out.size(1)}, 0.3));
  return {out.detach(), in.grad(), w.grad(), b.grad()};
}

TEST(ProductTest, ReducedIsNearAndPlainIsExact) {
  if (!Bf16Supported()) GTEST_SKIP() << kNoInstructions;
  const at::Tensor x = Noise({301, 25}, 0.7);
  const at::Tensor weight = Noise({40, 25}, 0.9);
  const at::Tensor bias = Noise({40}, 1.1);
  const Pass plain = RunPass(x, weight, bias);
  Pass reduced;
  Pass nested;
  {
    const ProductScope scope(true);
    reduced = RunPass(x, weight, bias);
    const ProductScope inner(false);
    nested = RunPass(x, weight, bias);
  }
  for (const auto& [part, name] :
       {std::pair{&Pass::out, "out"}, {&Pass::grad_x, "x"}, {&Pass::grad_weight, "weight"}}) {
    const double error = Error(reduced.*part, plain.*part);
    EXPECT_LT(error, 0.01) << name;
    EXPECT_GT(error, 1e-5) << name << " was not reduced";
  }
  EXPECT_LT(Error(reduced.grad_bias, plain.grad_bias), 1e-5);
  EXPECT_TRUE(at::equal(nested.out, plain.out));
  EXPECT_TRUE(at::equal(RunPass(x, weight, bias).grad_weight, plain.grad_weight));
}

TEST(ProductTest, NothingIsWorkedOutForWhatNeedsNoGradient) {
  if (!Bf16Supported()) GTEST_SKIP() << kNoInstructions;
  const ProductScope scope(true);
  const at::Tensor x = Noise({9, 6}, 0.7);
  const at::Tensor weight = Noise({4, 6}, 0.9).requires_grad_(true);
  const at::Tensor bias = Noise({4}, 1.1).requires_grad_(true);
  LinearMap(x, weight, bias).sum().backward();
  EXPECT_FALSE(x.grad().defined());
  EXPECT_LT(Error(weight.grad(), x.sum(0).expand({4, 6})), 0.01);
}

TEST(ProductTest, ProductsOfViewsAndSingleRows) {
  if (!Bf16Supported()) GTEST_SKIP() << kNoInstructions;
  for (const auto& [m, k, n] : {std::tuple{1, 1, 1}, {1, 30, 1}, {20, 1, 3}, {33, 64, 65}}) {
    const at::Tensor a = Noise({3, k, m}, 0.7).transpose(1, 2);
    const at::Tensor b = Noise({3, n, k}, 0.9).transpose(1, 2);
    const at::Tensor start = Noise({3, m, n}, 0.2);
    const at::Tensor wide = Noise({3, m, 2 * k}, 0.7).slice(2, 0, 2 * k, 2);  // no stride of 1
    const at::Tensor plain = AddProducts(start, 0.5, -2, a, b);
    const at::Tensor plain_wide = Products(wide, b);
    const ProductScope scope(true);
    EXPECT_LT(Error(AddProducts(start, 0.5, -2, a, b), plain), 0.02) << m << " " << k << " " << n;
    EXPECT_LT(Error(Products(wide, b), plain_wide), 0.02) << m << " " << k << " " << n;
  }
}

}  // namespace
}  // namespace mixmatch
