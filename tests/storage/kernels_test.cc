// Every instruction set against plain sums in double precision.
#include "storage/index/kernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace mixmatch {
namespace {

class KernelsTest : public ::testing::TestWithParam<SimdLevel> {};

TEST_P(KernelsTest, AgreesWithADoubleLoopForEveryDimension) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << "this CPU cannot";
  const DotFunction dot = DotFor(GetParam());
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (size_t d = 1; d <= 1100; ++d) {
    // Exactly d numbers at an odd place: what reads past the end is found by the sanitizer, and
    // what needs alignment crashes.
    std::vector<float> a(d + 1);
    std::vector<float> b(d + 1);
    for (float& v : a) v = normal(random);
    for (float& v : b) v = normal(random);
    double expected = 0;
    double size = 0;
    for (size_t i = 1; i <= d; ++i) {
      expected += static_cast<double>(a[i]) * b[i];
      size += std::abs(static_cast<double>(a[i]) * b[i]);
    }
    ASSERT_NEAR(dot(a.data() + 1, b.data() + 1, d), expected, 1e-6 * size + 1e-7) << d;
  }
}

INSTANTIATE_TEST_SUITE_P(All, KernelsTest,
                         ::testing::Values(SimdLevel::kPortable, SimdLevel::kAvx2,
                                           SimdLevel::kAvx512),
                         [](const auto& level) { return std::string(SimdLevelName(level.param)); });

TEST(KernelsTest, TheBestIsTheFastestThatTheCpuCan) {
  const SimdLevel best = IsSupported(SimdLevel::kAvx512) ? SimdLevel::kAvx512
                         : IsSupported(SimdLevel::kAvx2) ? SimdLevel::kAvx2
                                                         : SimdLevel::kPortable;
  EXPECT_EQ(BestDot(), DotFor(best));
}

}  // namespace
}  // namespace mixmatch
