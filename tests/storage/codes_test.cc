// Codes against the numbers they stand for; their kernels against plain sums; scans against all.
#include "storage/index/codes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <vector>

namespace mixmatch {
namespace {

// Unit vectors [n, d].
std::vector<float> UnitVectors(size_t n, size_t d, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> vectors(n * d);
  for (size_t i = 0; i < n; ++i) {
    double squares = 0;
    for (size_t j = 0; j < d; ++j) {
      vectors[i * d + j] = normal(random);
      squares += static_cast<double>(vectors[i * d + j]) * vectors[i * d + j];
    }
    for (size_t j = 0; j < d; ++j) vectors[i * d + j] /= static_cast<float>(std::sqrt(squares));
  }
  return vectors;
}

double Product(const float* a, const float* b, size_t d) {
  double sum = 0;
  for (size_t i = 0; i < d; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

class CodeKernelsTest : public ::testing::TestWithParam<SimdLevel> {};

TEST_P(CodeKernelsTest, AreExactForEveryDimensionAndCount) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << "this CPU cannot";
  std::mt19937 random(3);
  for (size_t stride = kCodeAlign; stride <= 1100 + kCodeAlign; stride += kCodeAlign) {
    const size_t count = 1 + random() % 9;
    // Behind an odd byte, and not a byte longer than what may be read.
    std::vector<int8_t> high(1 + count * stride);
    std::vector<int8_t> low(1 + count * stride);
    std::vector<int16_t> query(stride);
    std::vector<float> numbers(stride);
    for (int8_t& v : high) v = static_cast<int8_t>(static_cast<int>(random() % 255) - 127);
    for (int8_t& v : low) v = static_cast<int8_t>(static_cast<int>(random() % 256) - 128);
    for (int16_t& v : query) v = static_cast<int16_t>(static_cast<int>(random() % 4095) - 2047);
    for (float& v : numbers) v = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 999;
    std::vector<int32_t> sums(count);
    CoarseFor(GetParam())(query.data(), high.data() + 1, count, stride, sums.data());
    for (size_t i = 0; i < count; ++i) {
      int64_t expected = 0;
      double fine = 0;
      double size = 0;
      for (size_t j = 0; j < stride; ++j) {
        const size_t at = 1 + i * stride + j;
        expected += int64_t{query[j]} * high[at];
        fine += static_cast<double>(numbers[j]) * (high[at] * 256 + low[at]);
        size += std::abs(static_cast<double>(numbers[j]) * (high[at] * 256 + low[at]));
      }
      ASSERT_EQ(sums[i], expected) << stride << " " << i;
      ASSERT_NEAR(FineFor(GetParam())(numbers.data(), high.data() + 1 + i * stride,
                                      low.data() + 1 + i * stride, stride),
                  fine, 1e-6 * size + 1e-6)
          << stride << " " << i;
    }
  }
}

TEST_P(CodeKernelsTest, EncodeTheSameForEveryDimension) {
  if (!IsSupported(GetParam())) GTEST_SKIP() << "this CPU cannot";
  std::mt19937 random(4);
  std::normal_distribution<float> normal;
  for (size_t d = 1; d <= 1100; ++d) {
    std::vector<float> x(1 + d);
    for (float& v : x) v = d % 50 == 0 ? 0 : normal(random);
    std::vector<int8_t> high(1 + d);
    std::vector<int8_t> low(1 + d);
    const float most = EncodeFor(GetParam())(x.data() + 1, d, high.data() + 1, low.data() + 1);
    for (size_t i = 1; i <= d; ++i) {
      ASSERT_LE(std::abs(x[i]), most) << d;
      const float number = most > 0 ? x[i] * (kCodeMax / most) : 0;
      ASSERT_EQ(high[i] * 256 + low[i], std::lrintf(number)) << d << " " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CodeKernelsTest,
                         ::testing::Values(SimdLevel::kPortable, SimdLevel::kAvx2,
                                           SimdLevel::kAvx512),
                         [](const auto& level) { return std::string(SimdLevelName(level.param)); });

TEST(CodesTest, ComeBackWithinHalfAStep) {
  for (const size_t d : {1, 2, 31, 32, 33, 128, 1100}) {
    const std::vector<float> vectors = UnitVectors(20, d, 1);
    Codes codes(20, d);
    for (size_t i = 0; i < 20; ++i) codes.Set(i, vectors.data() + i * d);
    std::vector<float> back(d);
    std::vector<float> again(d);
    Codes copy(1, d);
    for (size_t i = 0; i < 20; ++i) {
      codes.Decode(i, back.data());
      for (size_t j = 0; j < d; ++j) {
        ASSERT_NEAR(back[j], vectors[i * d + j], 0.51F * codes.scale(i)) << d << " " << j;
      }
      copy.Copy(0, codes, i);
      copy.Decode(0, again.data());
      ASSERT_EQ(back, again);
      const CodeQuery query({vectors.data(), d});
      ASSERT_NEAR(query.Fine(codes, i), Product(vectors.data(), vectors.data() + i * d, d), 2e-5);
    }
  }
}

TEST(CodesTest, NoughtStaysNought) {
  Codes codes(1, 5);
  const std::vector<float> nought(5);
  codes.Set(0, nought.data());
  EXPECT_EQ(CodeQuery(nought).Fine(codes, 0), 0);
  EXPECT_EQ(CodeQuery(std::vector<float>{1, 2, 3, 4, 5}).Fine(codes, 0), 0);
}

// Queries far longer and shorter than unit ones too: bounds must hold for them as well.
TEST(CodesTest, ALargeArrayHoldsItsFirstAndItsLast) {
  constexpr size_t kDimension = 128;
  constexpr size_t kMany = 100'003;  // some 12 MiB: pages of its own, which end within a page
  const std::vector<float> x = UnitVectors(2, kDimension, 5);
  Codes codes(kMany, kDimension);
  codes.Set(0, x.data());
  codes.Set(kMany - 1, x.data() + kDimension);
  std::vector<float> back(kDimension);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    codes.Decode(i * (kMany - 1), back.data());
    for (size_t j = 0; j < kDimension; ++j) EXPECT_NEAR(back[j], x[i * kDimension + j], 1e-5);
  }
}

TEST(CodesTest, AScanMissesNothing) {
  constexpr size_t kCount = 1000;
  for (const size_t d : {2, 7, 24, 128, 300}) {
    const std::vector<float> vectors = UnitVectors(kCount, d, 2);
    std::vector<float> queries = UnitVectors(30, d, 3);
    Codes codes(kCount, d);
    for (size_t i = 0; i < kCount; ++i) codes.Set(i, vectors.data() + i * d);
    for (size_t q = 0; q < 30; ++q) {
      float* query = queries.data() + q * d;
      for (size_t j = 0; j < d; ++j) query[j] *= q % 3 == 0 ? 1 : q % 3 == 1 ? 100 : 0.01F;
      std::vector<double> similarities;
      for (size_t i = 0; i < kCount; ++i) {
        similarities.push_back(Product(query, vectors.data() + i * d, d));
      }
      std::vector<double> sorted = similarities;
      std::nth_element(sorted.begin(), sorted.begin() + 20, sorted.end(), std::greater<>());
      const auto least = static_cast<float>(sorted[20]);
      std::set<size_t> seen;
      size_t asked = 0;
      CodeQuery({query, d})
          .Scan(
              codes, 0, kCount, [least] { return least; },
              [&](size_t i) {
                ++asked;
                return static_cast<float>(similarities[i]);
              },
              [&seen](size_t i, float) { seen.insert(i); });
      for (size_t i = 0; i < kCount; ++i) {
        EXPECT_EQ(seen.contains(i), static_cast<float>(similarities[i]) >= least) << d << " " << q;
      }
      if (d == 128) {
        EXPECT_LT(asked, kCount / 5) << "high bytes spare nothing";
      }
    }
  }
}

}  // namespace
}  // namespace mixmatch
