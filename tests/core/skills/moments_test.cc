// Sums: of any order, of parts, and with examples taken away again.
#include "core/skills/moments.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "tests/core/skills/examples.h"

namespace mixmatch {
namespace {

using testing::Examples;
using testing::MakeExamples;
using testing::Teach;

void ExpectSame(const Moments& a, const Moments& b) {
  EXPECT_EQ(a.count(), b.count());
  for (size_t i = 0; i < a.dimension(); ++i) {
    EXPECT_NEAR(a.sum()[i], b.sum()[i], 1e-9);
    for (size_t j = i; j < a.dimension(); ++j) {
      EXPECT_NEAR(a.gram()[i * a.dimension() + j], b.gram()[i * a.dimension() + j], 1e-9);
    }
  }
}

void ExpectSame(const Responses& a, const Responses& b) {
  ASSERT_EQ(a.outputs().size(), b.outputs().size());
  for (const auto& [output, sums] : a.outputs()) {
    const auto other = b.outputs().find(output);
    ASSERT_NE(other, b.outputs().end());
    EXPECT_NEAR(sums.weight, other->second.weight, 1e-9);
    EXPECT_NEAR(sums.squares, other->second.squares, 1e-9);
    for (size_t i = 0; i < a.dimension(); ++i) {
      EXPECT_NEAR(sums.cross[i], other->second.cross[i], 1e-9);
    }
  }
}

TEST(MomentsTest, AreWhatTheyAreNamedAfter) {
  const Examples examples = MakeExamples(700, 5, 3, 2, 1);  // more than one chunk
  Moments moments(5);
  moments.Add(examples.x);
  EXPECT_EQ(moments.count(), 700);
  const std::vector<double> mean = moments.Mean();
  const std::vector<double> covariance = moments.Covariance(0.1);
  double trace = 0;
  for (size_t i = 0; i < 5; ++i) {
    for (size_t j = i; j < 5; ++j) {
      double sum = 0;
      for (size_t e = 0; e < 700; ++e) {
        sum += (examples.row(e)[i] - mean[i]) * (examples.row(e)[j] - mean[j]);
      }
      if (i == j) {
        trace += sum / 700;
      } else {
        EXPECT_NEAR(covariance[i * 5 + j], sum / 700, 1e-9);
      }
    }
  }
  double diagonal = 0;
  for (size_t i = 0; i < 5; ++i) diagonal += covariance[i * 6];
  EXPECT_NEAR(diagonal, trace * 1.1, 1e-9);
}

TEST(MomentsTest, DoNotDependOnTheOrderOfTeaching) {
  const Examples examples = MakeExamples(90, 7, 4, 2, 2);
  Moments expected(7);
  Responses expected_responses(7);
  for (size_t i = 0; i < examples.count(); ++i) Teach(examples, i, expected, expected_responses);
  std::vector<size_t> order(examples.count());
  std::iota(order.begin(), order.end(), size_t{0});
  for (uint64_t permutation = 0; permutation < 10; ++permutation) {
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return StableMix64(permutation, a) < StableMix64(permutation, b);
    });
    Moments moments(7);
    Responses responses(7);
    for (const size_t i : order) Teach(examples, i, moments, responses);
    ExpectSame(moments, expected);
    ExpectSame(responses, expected_responses);
  }
}

TEST(MomentsTest, WhatIsTakenAwayWasNeverThere) {
  const Examples examples = MakeExamples(60, 6, 5, 2, 3);
  Moments kept(6);
  Responses kept_responses(6);
  Moments all(6);
  Responses all_responses(6);
  for (size_t i = 0; i < examples.count(); ++i) {
    Teach(examples, i, all, all_responses);
    // Label 4 goes altogether, and every third example.
    if (examples.labels[i] != 4 && i % 3 != 0) Teach(examples, i, kept, kept_responses);
  }
  for (size_t i = 0; i < examples.count(); ++i) {
    if (examples.labels[i] != 4 && i % 3 != 0) continue;
    all.Remove(examples.row(i));
    all_responses.Remove(examples.labels[i], examples.row(i), 1);
  }
  EXPECT_FALSE(all_responses.outputs().contains(4));
  ExpectSame(all, kept);
  ExpectSame(all_responses, kept_responses);
}

TEST(MomentsTest, PartsAddUp) {
  const Examples examples = MakeExamples(50, 6, 5, 2, 4);
  Moments whole(6);
  Responses whole_responses(6);
  std::vector<Moments> parts(2, Moments(6));
  std::vector<Responses> part_responses(2, Responses(6));
  for (size_t i = 0; i < examples.count(); ++i) {
    Teach(examples, i, whole, whole_responses);
    const size_t part = examples.labels[i] == 2 ? 1 : 0;  // one part alone knows label 2
    Teach(examples, i, parts[part], part_responses[part]);
  }
  parts[0].Merge(parts[1]);
  part_responses[0].Merge(part_responses[1]);
  ExpectSame(parts[0], whole);
  ExpectSame(part_responses[0], whole_responses);
}

TEST(MomentsTest, NumbersAddUpWithTheirSquares) {
  Responses responses(2);
  const std::vector<float> x = {1, 2};
  responses.Add(0, x, 0.5);
  responses.Add(0, x, -0.5);  // the weight is 0, and the output is still there
  ASSERT_TRUE(responses.outputs().contains(0));
  EXPECT_EQ(responses.outputs().at(0).weight, 0);
  EXPECT_EQ(responses.outputs().at(0).squares, 0.5);
  responses.Remove(0, x, 0.5);
  responses.Remove(0, x, -0.5);
  EXPECT_TRUE(responses.outputs().empty());
}

}  // namespace
}  // namespace mixmatch
