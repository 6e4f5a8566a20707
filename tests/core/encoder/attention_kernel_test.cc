// The kernels against loops that do what the formula says.
#include "core/encoder/attention_kernel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

struct Case {
  std::vector<int64_t> offsets;
  int64_t heads;
  int64_t width;

  AttentionShape shape() const { return {offsets, heads, width}; }
  int64_t tokens() const { return offsets.back(); }
};

std::vector<float> Values(int64_t count, uint64_t seed) {
  std::vector<float> values(static_cast<size_t>(count));
  for (size_t i = 0; i < values.size(); ++i) values[i] = 3 * testing::Noise(seed, i) - 1.5F;
  return values;
}

std::vector<double> NaiveForward(const Case& c, const std::vector<double>& qkv) {
  const int64_t d = c.width / c.heads;
  std::vector<double> out(static_cast<size_t>(c.tokens() * c.width));
  const auto at = [&](int64_t t, int64_t part, int64_t h, int64_t i) {
    return qkv[static_cast<size_t>(t * 3 * c.width + part * c.width + h * d + i)];
  };
  for (size_t s = 0; s + 1 < c.offsets.size(); ++s) {
    for (int64_t t = c.offsets[s]; t < c.offsets[s + 1]; ++t) {
      for (int64_t h = 0; h < c.heads; ++h) {
        std::vector<double> weights;
        double sum = 0;
        for (int64_t u = c.offsets[s]; u < c.offsets[s + 1]; ++u) {
          double score = 0;
          for (int64_t i = 0; i < d; ++i) score += at(t, 0, h, i) * at(u, 1, h, i);
          weights.push_back(std::exp(score / std::sqrt(static_cast<double>(d))));
          sum += weights.back();
        }
        for (int64_t i = 0; i < d; ++i) {
          double value = 0;
          for (int64_t u = c.offsets[s]; u < c.offsets[s + 1]; ++u) {
            value += weights[static_cast<size_t>(u - c.offsets[s])] / sum * at(u, 2, h, i);
          }
          out[static_cast<size_t>(t * c.width + h * d + i)] = value;
        }
      }
    }
  }
  return out;
}

const std::vector<Case>& Cases() {
  static const std::vector<Case> kCases = {
      {{0, 1, 17, 28, 61}, 4, 128},  // one token, a full tile, a part of one, several
      {{0, 5, 7}, 2, 16},            // heads narrower than a vector
      {{0, 3}, 1, 20},
  };
  return kCases;
}

std::vector<float> Forward(const Case& c, const std::vector<float>& qkv,
                           std::vector<float>& log_sums) {
  std::vector<float> out(static_cast<size_t>(c.tokens() * c.width));
  log_sums.resize(static_cast<size_t>(c.tokens() * c.heads));
  AttentionForward(c.shape(), qkv.data(), out.data(), log_sums.data());
  return out;
}

TEST(AttentionKernelTest, ForwardIsTheNaiveLoop) {
  for (const Case& c : Cases()) {
    const std::vector<float> qkv = Values(c.tokens() * 3 * c.width, 5);
    std::vector<float> log_sums;
    const std::vector<float> out = Forward(c, qkv, log_sums);
    const std::vector<double> expected = NaiveForward(c, {qkv.begin(), qkv.end()});
    for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], 2e-5) << i;
  }
}

TEST(AttentionKernelTest, BackwardIsTheSlopeOfTheNaiveLoop) {
  for (const Case& c : Cases()) {
    const std::vector<float> qkv = Values(c.tokens() * 3 * c.width, 6);
    const std::vector<float> grad_out = Values(c.tokens() * c.width, 7);
    std::vector<float> log_sums;
    const std::vector<float> out = Forward(c, qkv, log_sums);
    std::vector<float> grad(qkv.size());
    AttentionBackward(c.shape(), qkv.data(), out.data(), log_sums.data(), grad_out.data(),
                      grad.data());
    std::vector<double> moved(qkv.begin(), qkv.end());
    const auto loss = [&] {
      const std::vector<double> y = NaiveForward(c, moved);
      double sum = 0;
      for (size_t i = 0; i < y.size(); ++i) sum += y[i] * grad_out[i];
      return sum;
    };
    const size_t step = qkv.size() / 40 + 1;
    for (size_t i = 0; i < qkv.size(); i += step) {
      const double before = moved[i];
      moved[i] = before + 1e-4;
      const double above = loss();
      moved[i] = before - 1e-4;
      const double below = loss();
      moved[i] = before;
      ASSERT_NEAR(grad[i], (above - below) / 2e-4, 2e-4) << i;
    }
  }
}

TEST(AttentionKernelTest, ExtremeScoresStayFinite) {
  const Case c{{0, 20}, 1, 16};
  std::vector<float> qkv = Values(c.tokens() * 3 * c.width, 8);
  for (float& value : qkv) value *= 300;
  std::vector<float> log_sums;
  const std::vector<float> out = Forward(c, qkv, log_sums);
  for (const float value : out) ASSERT_TRUE(std::isfinite(value));
}

TEST(AttentionKernelTest, ASequenceDoesNotSeeItsNeighbours) {
  const Case both{{0, 11, 30}, 2, 64};
  const Case alone{{0, 11}, 2, 64};
  std::vector<float> qkv = Values(both.tokens() * 3 * both.width, 9);
  std::vector<float> log_sums;
  const std::vector<float> out = Forward(both, qkv, log_sums);
  qkv.resize(static_cast<size_t>(11 * 3 * 64));
  const std::vector<float> single = Forward(alone, qkv, log_sums);
  EXPECT_TRUE(std::equal(single.begin(), single.end(), out.begin()));
}

}  // namespace
}  // namespace mixmatch
