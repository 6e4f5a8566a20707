// Held against what defines it: singular vectors kept, singular values brought to about one.
#include "core/learning/orthogonal.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

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

// One singular value after four rounds of the quintic, in double precision.
double Turned(double x) {
  for (int round = 0; round < 4; ++round) {
    x = 3.4445 * x - 4.7750 * std::pow(x, 3) + 2.0315 * std::pow(x, 5);
  }
  return x;
}

TEST(OrthogonaliseTest, BendsEverySingularValueByTheQuintic) {
  // Along the axes, so that each value is on its own; from the largest down to next to nothing.
  const std::vector<double> values = {1, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 0};
  double squares = 0;
  for (const double value : values) squares += value * value;
  for (const int64_t columns : {8, 15, 16, 40}) {  // both ways of working it out
    at::Tensor m = at::zeros({1, 8, columns});
    for (int64_t i = 0; i < 8; ++i) m[0][i][(i + 3) % columns] = values[static_cast<size_t>(i)];
    const at::Tensor wide = Orthogonalise(m);
    const at::Tensor tall = Orthogonalise(m.transpose(1, 2)).transpose(1, 2);
    for (const at::Tensor& turned : {wide, tall}) {
      for (int64_t i = 0; i < 8; ++i) {
        for (int64_t j = 0; j < columns; ++j) {
          const double value = values[static_cast<size_t>(i)] / std::sqrt(squares);
          const double expected = j == (i + 3) % columns ? Turned(value) : 0;
          EXPECT_NEAR(turned[0][i][j].item<float>(), expected, 1e-3) << columns << " " << i;
        }
      }
    }
  }
}

TEST(OrthogonaliseTest, ZerosStayZeros) {
  EXPECT_EQ(Orthogonalise(at::zeros({2, 4, 8})).abs().max().item<float>(), 0);
}

}  // namespace
}  // namespace mixmatch
