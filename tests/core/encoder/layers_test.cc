// The layers' own kernels against torch's operations and finite differences of doubles.
#include "core/encoder/layers.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/encoder/convolution.h"

namespace mixmatch {
namespace {

// [sizes], between -8 and 8, the same on every machine.
at::Tensor Noise(at::IntArrayRef sizes) {
  int64_t count = 1;
  for (const int64_t size : sizes) count *= size;
  return (at::sin(at::arange(count, at::kFloat).pow(2) * 0.7) * 8).view(sizes).clone();
}

// The gradient at `x` of `out` weighed by what is the same for every way of making it.
at::Tensor GradientOf(const at::Tensor& x, const at::Tensor& out) {
  x.mutable_grad().reset();
  out.backward(at::cos(at::arange(out.numel(), at::kFloat)).view(out.sizes()));
  return x.grad().clone();
}

TEST(GeluTest, IsTheExactOneAtAnyCount) {
  for (const int64_t count : {1, 7, 8, 9, 1000, 100001}) {
    const at::Tensor x = Noise({count}).requires_grad_(true);
    const at::Tensor out = Gelu(x);
    const at::Tensor exact = at::gelu(x.detach().to(at::kDouble));
    EXPECT_LT((out - exact).abs().max().item<double>(), 2e-6) << count;
    const at::Tensor d = x.detach().to(at::kDouble).requires_grad_(true);
    const at::Tensor gradient = GradientOf(x, out);
    at::gelu(d).backward(at::cos(at::arange(count, at::kFloat)).to(at::kDouble));
    EXPECT_LT((gradient - d.grad()).abs().max().item<double>(), 2e-6) << count;
  }
}

TEST(GeluTest, FarOutItIsTheNumberItselfOrNothing) {
  const at::Tensor x = at::tensor({-1e4F, -100.0F, -20.0F, 0.0F, 20.0F, 100.0F, 1e4F});
  const at::Tensor out = Gelu(x);
  EXPECT_LT((out - at::clamp_min(x, 0)).abs().max().item<float>(), 1e-30F) << out;
}

TEST(PatchesTest, AreTheViewsOfEveryShape) {
  for (const int64_t height : {1, 2, 3, 8, 13}) {
    for (const int64_t width : {1, 4, 5, 16}) {
      for (const int64_t channels : {1, 3, 8}) {
        for (const int64_t window : {1, 3, 5}) {
          const at::Tensor x = Noise({2, height, width, channels}).requires_grad_(true);
          const at::Tensor ours = Patches(x, window);
          const at::Tensor views = PatchesByViews(x, window);
          ASSERT_TRUE(at::equal(ours, views))
              << height << " x " << width << " x " << channels << ", window " << window;
          ASSERT_TRUE(at::allclose(GradientOf(x, ours), GradientOf(x, views), 1e-5, 1e-5))
              << height << " x " << width << " x " << channels << ", window " << window;
        }
      }
    }
  }
}

TEST(ConvolveTest, IsTorchsConvolutionWithAStrideOfTwo) {
  const Linear layer{.weight = Noise({6, 5 * 5 * 3}), .bias = Noise({6})};
  const at::Tensor x = Noise({2, 11, 8, 3});
  const at::Tensor kernel = layer.weight.view({6, 5, 5, 3}).permute({0, 3, 1, 2});
  const at::Tensor expected =
      at::conv2d(x.permute({0, 3, 1, 2}), kernel, layer.bias, 2, 2).permute({0, 2, 3, 1});
  const at::Tensor out = Convolve(layer, x, 5);
  ASSERT_EQ(out.sizes(), expected.sizes());
  EXPECT_TRUE(at::allclose(out, expected, 1e-4, 1e-3));
}

}  // namespace
}  // namespace mixmatch
