// Closed forms against what defines them, solved by elimination in the test itself.
#include "core/skills/solve.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/core/skills/examples.h"

namespace mixmatch {
namespace {

using testing::Examples;
using testing::MakeExamples;
using testing::Teach;

struct Taught {
  Moments moments;
  Responses responses;
};

Taught TeachAll(const Examples& examples, size_t without = SIZE_MAX) {
  Taught taught{.moments = Moments(examples.d), .responses = Responses(examples.d)};
  for (size_t i = 0; i < examples.count(); ++i) {
    if (i != without) Teach(examples, i, taught.moments, taught.responses);
  }
  return taught;
}

// a [n, n] x = b by elimination with pivots.
std::vector<double> Eliminate(std::vector<double> a, std::vector<double> b) {
  const size_t n = b.size();
  for (size_t c = 0; c < n; ++c) {
    size_t pivot = c;
    for (size_t r = c; r < n; ++r) {
      if (std::abs(a[r * n + c]) > std::abs(a[pivot * n + c])) pivot = r;
    }
    for (size_t j = 0; j < n; ++j) std::swap(a[c * n + j], a[pivot * n + j]);
    std::swap(b[c], b[pivot]);
    for (size_t r = 0; r < n; ++r) {
      if (r == c) continue;
      const double factor = a[r * n + c] / a[c * n + c];
      for (size_t j = c; j < n; ++j) a[r * n + j] -= factor * a[c * n + j];
      b[r] -= factor * b[c];
    }
  }
  for (size_t c = 0; c < n; ++c) b[c] /= a[c * n + c];
  return b;
}

double MeanVariance(const Examples& examples) {
  const std::vector<double> covariance = TeachAll(examples).moments.Covariance(0);
  double trace = 0;
  for (size_t i = 0; i < examples.d; ++i) trace += covariance[i * (examples.d + 1)];
  return trace / static_cast<double>(examples.d);
}

// Ridge regression by its normal equations, intercept among the unknowns; `penalty` on the others.
std::vector<double> NaiveRidge(const Examples& examples, int label, double penalty) {
  const size_t n = examples.d + 1;
  std::vector<double> a(n * n);
  std::vector<double> b(n);
  for (size_t e = 0; e < examples.count(); ++e) {
    std::vector<double> x(examples.row(e).begin(), examples.row(e).end());
    x.push_back(1);
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) a[i * n + j] += x[i] * x[j];
      if (examples.labels[e] == label) b[i] += x[i];
    }
  }
  for (size_t i = 0; i < examples.d; ++i) a[i * (n + 1)] += penalty;
  return Eliminate(a, b);
}

TEST(SolveRidgeTest, SolvesTheNormalEquations) {
  const Examples examples = MakeExamples(80, 6, 3, 1, 1);
  const Taught taught = TeachAll(examples);
  const double ridge = 0.05;
  const auto map = SolveRidge(taught.moments, taught.responses, ridge);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->outputs, (std::vector<int>{0, 1, 2}));
  for (int label = 0; label < 3; ++label) {
    const std::vector<double> expected =
        NaiveRidge(examples, label, 80 * ridge * MeanVariance(examples));
    const auto row = static_cast<size_t>(label);
    for (size_t i = 0; i < 6; ++i) EXPECT_NEAR(map->weights[row * 6 + i], expected[i], 1e-5);
    EXPECT_NEAR(map->bias[row], expected[6], 1e-5);
  }
}

// Differences of scores of an example to the first label's, by the definition.
std::vector<double> NaiveDiscriminant(const Examples& examples, int labels, double ridge,
                                      std::span<const float> x) {
  const size_t d = examples.d;
  std::vector<std::vector<double>> mean(static_cast<size_t>(labels), std::vector<double>(d));
  std::vector<double> count(static_cast<size_t>(labels));
  for (size_t e = 0; e < examples.count(); ++e) {
    const auto label = static_cast<size_t>(examples.labels[e]);
    ++count[label];
    for (size_t i = 0; i < d; ++i) mean[label][i] += examples.row(e)[i];
  }
  for (size_t c = 0; c < mean.size(); ++c) {
    for (double& m : mean[c]) m /= count[c];
  }
  std::vector<double> within(d * d);
  const auto n = static_cast<double>(examples.count());
  for (size_t e = 0; e < examples.count(); ++e) {
    const auto& m = mean[static_cast<size_t>(examples.labels[e])];
    for (size_t i = 0; i < d; ++i) {
      for (size_t j = 0; j < d; ++j) {
        within[i * d + j] += (examples.row(e)[i] - m[i]) * (examples.row(e)[j] - m[j]) / n;
      }
    }
  }
  for (size_t i = 0; i < d; ++i) within[i * (d + 1)] += ridge * MeanVariance(examples);
  std::vector<double> scores;
  for (size_t c = 0; c < mean.size(); ++c) {
    std::vector<double> away;
    for (size_t i = 0; i < d; ++i) away.push_back(x[i] - mean[c][i]);
    const std::vector<double> solved = Eliminate(within, away);
    double distance = 0;
    for (size_t i = 0; i < d; ++i) distance += away[i] * solved[i];
    scores.push_back(std::log(count[c] / n) - distance / 2);
  }
  for (size_t c = scores.size(); c-- > 0;) scores[c] -= scores[0];
  return scores;
}

TEST(SolveDiscriminantTest, IsTheDefinitionUpToANumberThatAllLabelsShare) {
  for (const auto& [d, labels] : {std::pair{6, 2}, std::pair{6, 4}, std::pair{3, 8}}) {
    const Examples examples = MakeExamples(200, static_cast<size_t>(d), labels, 1, 5);
    const Taught taught = TeachAll(examples);
    const auto map = SolveDiscriminant(taught.moments, taught.responses, 0.01);
    ASSERT_TRUE(map.ok()) << map.status();
    for (size_t e = 0; e < 20; ++e) {
      std::vector<float> scores(static_cast<size_t>(labels));
      map->Apply(examples.row(e), scores);
      const auto expected = NaiveDiscriminant(examples, labels, 0.01, examples.row(e));
      for (size_t c = 0; c < scores.size(); ++c) {
        EXPECT_NEAR(scores[c] - scores[0], expected[c], 2e-3 * (1 + std::abs(expected[c])))
            << d << " " << labels << " " << c;
      }
    }
  }
}

TEST(SolveDiscriminantTest, TellsLabelsApartThatLieApart) {
  const Examples examples = MakeExamples(600, 20, 10, 3, 6);
  const Examples unseen = MakeExamples(400, 20, 10, 3, 66);
  const Taught taught = TeachAll(examples);
  const auto map = SolveDiscriminant(taught.moments, taught.responses, 1e-3);
  ASSERT_TRUE(map.ok()) << map.status();
  int right = 0;
  for (size_t e = 0; e < unseen.count(); ++e) {
    std::vector<float> scores(10);
    map->Apply(unseen.row(e), scores);
    const auto best = std::max_element(scores.begin(), scores.end()) - scores.begin();
    right += best == unseen.labels[e];
  }
  EXPECT_GT(right, 390);
}

TEST(SolveDiscriminantTest, OneExampleOfEachLabelIsEnoughToBegin) {
  Taught taught{.moments = Moments(4), .responses = Responses(4)};
  const std::vector<float> one = {1, 0, 0, 0};
  const std::vector<float> other = {0, 1, 0, 0};
  taught.moments.Add(one);
  taught.responses.Add(7, one, 1);
  std::vector<float> alone(1);
  auto map = SolveDiscriminant(taught.moments, taught.responses, 0.1);
  ASSERT_TRUE(map.ok()) << map.status();
  map->Apply(other, alone);
  EXPECT_TRUE(std::isfinite(alone[0]));
  taught.moments.Add(other);
  taught.responses.Add(3, other, 1);
  map = SolveDiscriminant(taught.moments, taught.responses, 0.1);
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->outputs, (std::vector<int>{3, 7}));
  std::vector<float> scores(2);
  map->Apply(one, scores);
  EXPECT_GT(scores[1], scores[0]);
  map->Apply(other, scores);
  EXPECT_GT(scores[0], scores[1]);
}

TEST(LeaveOneOutTest, IsWhatTeachingWithoutTheExampleGives) {
  const Examples examples = MakeExamples(40, 5, 3, 1, 8);
  const Taught all = TeachAll(examples);
  const double ridge = 0.1;
  std::vector<float> taught(examples.count() * 3);
  for (size_t e = 0; e < examples.count(); ++e) {
    taught[e * 3 + static_cast<size_t>(examples.labels[e])] = 1;
  }
  const auto scores = LeaveOneOutRidge(all.moments, all.responses, ridge, examples.x, taught);
  ASSERT_TRUE(scores.ok()) << scores.status();
  for (size_t e = 0; e < examples.count(); ++e) {
    Examples rest{.d = examples.d};
    for (size_t i = 0; i < examples.count(); ++i) {
      if (i == e) continue;
      rest.labels.push_back(examples.labels[i]);
      rest.x.insert(rest.x.end(), examples.row(i).begin(), examples.row(i).end());
    }
    // The same penalty, told in what varies without the example.
    const double same = ridge * MeanVariance(examples) * 40 / (MeanVariance(rest) * 39);
    const Taught without = TeachAll(rest);
    const auto map = SolveRidge(without.moments, without.responses, same);
    ASSERT_TRUE(map.ok()) << map.status();
    std::vector<float> expected(3);
    map->Apply(examples.row(e), expected);
    for (size_t c = 0; c < 3; ++c) EXPECT_NEAR((*scores)[e * 3 + c], expected[c], 1e-4) << e;
  }
}

TEST(LeaveOneOutTest, IsTheSameByProductsOfExamples) {
  const Examples examples = MakeExamples(40, 5, 3, 1, 8);
  const Taught all = TeachAll(examples);
  std::vector<float> taught(examples.count() * 3);
  for (size_t e = 0; e < examples.count(); ++e) {
    taught[e * 3 + static_cast<size_t>(examples.labels[e])] = 1;
  }
  for (const double ridge : {1.0, 0.1, 0.001}) {
    const auto expected = LeaveOneOutRidge(all.moments, all.responses, ridge, examples.x, taught);
    const auto scores = LeaveOneOutKernel(examples.x, 5, taught, 3, ridge);
    ASSERT_TRUE(expected.ok() && scores.ok()) << scores.status();
    for (size_t i = 0; i < taught.size(); ++i) {
      EXPECT_NEAR((*scores)[i], (*expected)[i], 1e-3) << ridge;
    }
  }
}

// Many numbers, of which each varies less than the one before, and labels that mean nothing: left
// out, an example cannot be known, however little the ridge.
TEST(LeaveOneOutTest, LeaksNothingWhereNumbersHardlyVary) {
  constexpr size_t kCount = 120;
  constexpr size_t kNumbers = 400;
  Examples examples = MakeExamples(kCount, kNumbers, 3, 0, 10);
  for (size_t i = 0; i < examples.x.size(); ++i) {
    const auto place = static_cast<float>(i % kNumbers);
    examples.x[i] = 3 + 10 * examples.x[i] * std::exp(-place / 12);
  }
  const Taught all = TeachAll(examples);
  std::vector<float> taught(kCount * 3);
  for (size_t e = 0; e < kCount; ++e) {
    taught[e * 3 + static_cast<size_t>(examples.labels[e])] = 1;
  }
  const auto expected = LeaveOneOutRidge(all.moments, all.responses, 1e-6, examples.x, taught);
  const auto scores = LeaveOneOutKernel(examples.x, kNumbers, taught, 3, 1e-6);
  ASSERT_TRUE(expected.ok() && scores.ok()) << scores.status();
  for (size_t i = 0; i < taught.size(); ++i) {
    EXPECT_NEAR((*scores)[i], (*expected)[i], 0.01 * (1 + std::abs((*expected)[i]))) << i;
  }
}

TEST(SolveTest, ScoresForgetWhatIsUntaught) {
  const Examples examples = MakeExamples(120, 8, 4, 1, 9);
  const Taught never = TeachAll(examples, 17);
  Taught untaught = TeachAll(examples);
  untaught.moments.Remove(examples.row(17));
  untaught.responses.Remove(examples.labels[17], examples.row(17), 1);
  for (const auto solve : {SolveRidge, SolveDiscriminant}) {
    const auto expected = solve(never.moments, never.responses, 0.01);
    const auto map = solve(untaught.moments, untaught.responses, 0.01);
    ASSERT_TRUE(expected.ok() && map.ok());
    std::vector<float> a(4);
    std::vector<float> b(4);
    expected->Apply(examples.row(17), a);
    map->Apply(examples.row(17), b);
    for (size_t c = 0; c < 4; ++c) EXPECT_NEAR(a[c], b[c], 1e-4);
  }
}

TEST(SolveTest, SaysWhatIsMissing) {
  const Moments nothing(3);
  const Responses none(3);
  EXPECT_TRUE(absl::IsFailedPrecondition(SolveRidge(nothing, none, 0.1).status()));
  const Taught taught = TeachAll(MakeExamples(5, 3, 2, 1, 1));
  EXPECT_TRUE(absl::IsInvalidArgument(SolveRidge(taught.moments, taught.responses, 0).status()));
  Moments spoiled(3);
  spoiled.Add(std::vector<float>{1, 2, 3});
  spoiled.Remove(std::vector<float>{9, 9, 9});
  spoiled.Add(std::vector<float>{1, 2, 3});
  EXPECT_TRUE(absl::IsInternal(SolveDiscriminant(spoiled, taught.responses, 0.1).status()));
}

}  // namespace
}  // namespace mixmatch
