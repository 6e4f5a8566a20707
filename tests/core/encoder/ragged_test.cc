// What runs on a GPU (padding and masks) against what runs on a CPU (kernels).
#include "core/encoder/ragged.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace mixmatch {
namespace {

at::Tensor Wave(int64_t rows, int64_t columns, double rate) {
  return at::sin(at::arange(rows * columns, at::kFloat) * rate).view({rows, columns});
}

at::Tensor Offsets() {
  at::Tensor offsets = at::empty({4}, at::kLong);
  const std::vector<int64_t> values = {0, 1, 18, 25};
  std::copy(values.begin(), values.end(), offsets.data_ptr<int64_t>());
  return offsets;
}

TEST(RaggedTest, PaddedAttentionAndTheKernelsAgreeForwardAndBackward) {
  at::Tensor a = Wave(25, 3 * 32, 0.7).set_requires_grad(true);
  at::Tensor b = a.detach().clone().set_requires_grad(true);
  const at::Tensor slope = Wave(25, 32, 0.3);
  const at::Tensor fast = RaggedAttention(a, Offsets(), 4);
  const at::Tensor clear = PaddedAttention(b, Offsets(), 4);
  EXPECT_LT((fast - clear).abs().max().item<float>(), 1e-5F);
  fast.backward(slope);
  clear.backward(slope);
  EXPECT_LT((a.grad() - b.grad()).abs().max().item<float>(), 1e-5F);
}

TEST(RaggedTest, MeanIsOverEachSequenceAlone) {
  at::Tensor x = Wave(25, 8, 0.9).set_requires_grad(true);
  const at::Tensor mean = RaggedMean(x, Offsets());
  EXPECT_LT((mean[1] - x.narrow(0, 1, 17).mean(0)).abs().max().item<float>(), 1e-6F);
  mean.backward(at::ones({3, 8}));
  EXPECT_NEAR(x.grad()[0][0].item<float>(), 1.0F, 1e-6F);
  EXPECT_NEAR(x.grad()[20][3].item<float>(), 1.0F / 7, 1e-6F);
}

}  // namespace
}  // namespace mixmatch
