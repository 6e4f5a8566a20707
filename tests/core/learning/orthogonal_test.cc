// Held against what defines it: singular vectors kept, singular values brought to about one.
#include "core/learning/orthogonal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace mixmatch {
namespace {

// [K, rows, columns], the same on every machine.
at::Tensor Noise(int64_t k, int64_t rows, int64_t columns) {
  return at::sin(at::arange(k * rows * columns, at::kFloat).pow(2) * 0.7).view({k, rows, columns});
}

TEST(OrthogonaliseTest, BringsSingularValuesToAboutOne) {
  for (const auto& [rows, columns] : {std::pair{32, 96}, std::pair{96, 32}, std::pair{64, 64}}) {
    const at::Tensor turned = Orthogonalise(Noise(2, rows, columns) * 1e-4);
    const at::Tensor values = at::linalg_svdvals(turned);  // [K, s]
    EXPECT_LT(values.max().item<float>(), 1.3F) << rows << " x " << columns;
    // The square one has directions next to nothing; of the others there are none.
    if (rows != columns) {
      EXPECT_GT(values.min().item<float>(), 0.6F) << rows << " x " << columns;
    }
    EXPECT_GT(values.median().item<float>(), 0.6F) << rows << " x " << columns;
  }
}

TEST(OrthogonaliseTest, KeepsSingularVectors) {
  // A rotation stretched along the axes: what is made of it must be the rotation.
  at::Tensor m = at::zeros({1, 2, 3});
  m[0][0][1] = 3;   // the first output listens to the second input,
  m[0][1][0] = -1;  // the second, turned, to the first
  const at::Tensor turned = Orthogonalise(m);
  EXPECT_NEAR(turned[0][0][1].item<float>(), 1, 0.35);
  EXPECT_NEAR(turned[0][1][0].item<float>(), -1, 0.35);
  for (const auto& [row, column] : {std::pair{0, 0}, {0, 2}, {1, 1}, {1, 2}}) {
    EXPECT_NEAR(turned[0][row][column].item<float>(), 0, 1e-5);
  }
}

TEST(OrthogonaliseTest, TreatsEveryMapByItself) {
  const at::Tensor m = Noise(3, 16, 24);
  const at::Tensor together = Orthogonalise(m);
  for (int64_t k = 0; k < 3; ++k) {
    EXPECT_TRUE(at::allclose(together[k], Orthogonalise(m.narrow(0, k, 1))[0], 1e-4, 1e-5));
  }
}

TEST(OrthogonaliseTest, ZerosStayZeros) {
  EXPECT_EQ(Orthogonalise(at::zeros({2, 4, 8})).abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace mixmatch
