// Every shape of tile, edge and stride against sums of rounded numbers in double precision.
#include "core/encoder/bf16_gemm.h"

#include <gtest/gtest.h>
#include <omp.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

struct Shape {
  int64_t m, n, k;
};

class Bf16GemmTest : public ::testing::TestWithParam<Bf16Kernel> {
 protected:
  void SetUp() override {
    if (!Bf16Supports(GetParam())) GTEST_SKIP() << "skipped: this CPU has no such instructions";
  }
  static void Multiply(const Shape& s, const Bf16Operand& a, const Bf16Operand& b,
                       const float* start, int64_t start_stride, float* c, int64_t c_stride) {
    Bf16Gemm(s.m, s.n, s.k, a, b, start, start_stride, c, c_stride, GetParam());
  }
};

INSTANTIATE_TEST_SUITE_P(Kernels, Bf16GemmTest,
                         ::testing::Values(Bf16Kernel::kVectors, Bf16Kernel::kTiles),
                         [](const auto& kernel) {
                           return kernel.param == Bf16Kernel::kTiles ? "tiles" : "vectors";
                         });

float Rounded(float x) {
  auto bits = std::bit_cast<uint32_t>(x);
  bits += 0x7FFFU + ((bits >> 16) & 1U);  // to nearest, half to even
  return std::bit_cast<float>(bits & 0xFFFF0000U);
}

std::vector<float> Numbers(int64_t count, uint64_t seed) {
  std::vector<float> numbers(static_cast<size_t>(count));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = testing::Noise(seed, i) - 0.5F;
  return numbers;
}

double Expected(int64_t row, int64_t column, int64_t k, const Bf16Operand& a,
                const Bf16Operand& b) {
  double sum = 0;
  for (int64_t i = 0; i < k; ++i) {
    sum += static_cast<double>(Rounded(a.data[row * a.row_stride + i * a.column_stride])) *
           Rounded(b.data[i * b.row_stride + column * b.column_stride]);
  }
  return sum;
}

TEST_P(Bf16GemmTest, IsTheProductOfRoundedNumbers) {
  const std::vector<Shape> shapes = {{1, 1, 1},    {1, 40, 2},    {12, 32, 32},  {13, 33, 31},
                                     {7, 16, 33},  {5, 17, 511},  {30, 70, 513}, {150, 48, 1030},
                                     {3, 600, 65}, {23, 15, 64},  {11, 513, 7},  {2, 5, 0},
                                     {48, 64, 96}, {129, 31, 32}, {16, 16, 32}};
  for (const Shape& s : shapes) {
    const std::vector<float> a = Numbers(s.m * s.k, 1);
    const std::vector<float> b = Numbers(s.k * s.n, 2);
    for (const bool a_along : {true, false}) {
      for (const bool b_along : {true, false}) {
        const Bf16Operand left =
            a_along ? Bf16Operand{a.data(), s.k, 1} : Bf16Operand{a.data(), 1, s.m};
        const Bf16Operand right =
            b_along ? Bf16Operand{b.data(), 1, s.k} : Bf16Operand{b.data(), s.n, 1};
        // One column more than C has: it must stay as it is.
        std::vector<float> c(static_cast<size_t>(s.m * (s.n + 1)), 77);
        Multiply(s, left, right, nullptr, 0, c.data(), s.n + 1);
        for (int64_t row = 0; row < s.m; ++row) {
          for (int64_t column = 0; column < s.n; ++column) {
            ASSERT_NEAR(c[static_cast<size_t>(row * (s.n + 1) + column)],
                        Expected(row, column, s.k, left, right),
                        1e-5 * std::sqrt(static_cast<double>(s.k) + 1))
                << s.m << " x " << s.n << " x " << s.k << ", " << a_along << b_along << ", at "
                << row << ", " << column;
          }
          ASSERT_EQ(c[static_cast<size_t>(row * (s.n + 1) + s.n)], 77);
        }
      }
    }
  }
}

TEST_P(Bf16GemmTest, StartsFromARowOrFromItself) {
  constexpr int64_t kM = 14;
  constexpr int64_t kN = 20;
  constexpr int64_t kK = 1100;  // more than one block along k
  const std::vector<float> a = Numbers(kM * kK, 3);
  const std::vector<float> b = Numbers(kK * kN, 4);
  const std::vector<float> row = Numbers(kN, 5);
  const Bf16Operand left{a.data(), kK, 1};
  const Bf16Operand right{b.data(), kN, 1};
  std::vector<float> plain(kM * kN);
  std::vector<float> c(kM * kN);
  Multiply({kM, kN, kK}, left, right, nullptr, 0, plain.data(), kN);
  Multiply({kM, kN, kK}, left, right, row.data(), 0, c.data(), kN);
  for (size_t i = 0; i < c.size(); ++i) ASSERT_NEAR(c[i], plain[i] + row[i % kN], 1e-4);
  Multiply({kM, kN, kK}, left, right, c.data(), kN, c.data(), kN);
  for (size_t i = 0; i < c.size(); ++i) ASSERT_NEAR(c[i], 2 * plain[i] + row[i % kN], 1e-4);
}

TEST_P(Bf16GemmTest, IsTheSameOnAnyNumberOfThreads) {
  constexpr int64_t kM = 1000;
  constexpr int64_t kN = 96;
  constexpr int64_t kK = 600;
  const std::vector<float> a = Numbers(kM * kK, 6);
  const std::vector<float> b = Numbers(kK * kN, 7);
  std::vector<float> one(kM * kN);
  std::vector<float> three(kM * kN);
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  Multiply({kM, kN, kK}, {a.data(), kK, 1}, {b.data(), kN, 1}, nullptr, 0, one.data(), kN);
  omp_set_num_threads(3);
  Multiply({kM, kN, kK}, {a.data(), kK, 1}, {b.data(), kN, 1}, nullptr, 0, three.data(), kN);
  omp_set_num_threads(before);
  EXPECT_EQ(one, three);
}

}  // namespace
}  // namespace mixmatch
