// Skills that are no single label: several labels, a number, and what is unlike everything taught;
// and sums that hold any of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/skills/random_features.h"
#include "core/skills/skill_sums.h"
#include "tests/core/skills/examples.h"

namespace mixmatch {
namespace {

using testing::Examples;
using testing::MakeExamples;
using testing::Normal;

constexpr size_t kSampleMax = 5000;

// Teaches each example of `order` by what `lesson_of` says of its index.
template <typename LessonOf>
void Teach(const Examples& examples, const std::vector<size_t>& order, LessonOf lesson_of,
           SkillSums& sums) {
  for (const size_t i : order) {
    const uint64_t example = i;
    const Lesson lesson = lesson_of(i);
    sums.Add({&example, 1}, {&lesson, 1}, examples.row(i));
  }
}

std::vector<size_t> Everything(const Examples& examples) {
  std::vector<size_t> order(examples.count());
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

std::shared_ptr<const SolvedSkill> Solve(const SkillSums& sums, const SolvedSkill* like = nullptr) {
  auto solved = sums.Solve({}, like);
  EXPECT_TRUE(solved.ok()) << solved.status();
  return *solved;
}

// Two labels that are there or not, one apart from the other.
Lesson TagsOf(const Examples& examples, size_t i) {
  Lesson lesson;
  if (examples.labels[i] % 2 == 1) lesson.labels.push_back("odd");
  if (examples.labels[i] >= 2) lesson.labels.push_back("large");
  return lesson;
}

double NumberOf(const Examples& examples, size_t i) {
  const auto row = examples.row(i);
  return 3 + 2.0 * row[0] - row[1] + 0.5 * Normal(99, i);
}

TEST(TaggerTest, GivesEveryLabelAConfidenceOfItsOwn) {
  const Examples examples = MakeExamples(800, 12, 4, 1.2, 1);
  const Examples unseen = MakeExamples(800, 12, 4, 1.2, 2);
  SkillSums sums(SkillKind::kLabels, 12, kSampleMax);
  Teach(
      examples, Everything(examples), [&](size_t i) { return TagsOf(examples, i); }, sums);
  const auto solved = Solve(sums);
  double right = 0;
  double confidence = 0;
  double has = 0;
  for (size_t i = 0; i < unseen.count(); ++i) {
    const Prediction prediction = solved->Predict(unseen.row(i), 2, 0);
    ASSERT_EQ(prediction.scores.size(), 2U);
    for (const ScoredOutput& score : prediction.scores) {
      const std::string& label = sums.labels()[static_cast<size_t>(score.output)];
      const Lesson truth = TagsOf(unseen, i);
      const bool there =
          std::find(truth.labels.begin(), truth.labels.end(), label) != truth.labels.end();
      right += (score.confidence > 0.5) == there;
      confidence += score.confidence;
      has += there;
    }
  }
  EXPECT_GT(right / 1600, 0.85);
  EXPECT_NEAR(right / 1600, solved->choice().left_out, 0.03);
  EXPECT_NEAR(confidence / 1600, has / 1600, 0.03);
}

TEST(RegressorTest, TellsANumberAndHowWrongItMayBe) {
  const Examples examples = MakeExamples(500, 10, 3, 1, 3);
  const Examples unseen = MakeExamples(500, 10, 3, 1, 4);
  SkillSums sums(SkillKind::kNumber, 10, kSampleMax);
  Teach(
      examples, Everything(examples),
      [&](size_t i) { return Lesson{.number = NumberOf(examples, i)}; }, sums);
  const auto solved = Solve(sums);
  double squares = 0;
  for (size_t i = 0; i < unseen.count(); ++i) {
    const Prediction prediction = solved->Predict(unseen.row(i), 0, 1);
    squares += std::pow(prediction.number - NumberOf(unseen, i), 2);
    EXPECT_EQ(prediction.examples.size(), 1U);
  }
  const double error = std::sqrt(squares / 500);
  EXPECT_NEAR(error, 0.5, 0.06);
  EXPECT_NEAR(solved->Predict(unseen.row(0), 0, 0).number_error, error, 0.06);
  EXPECT_GT(solved->choice().left_out, 0.9);
}

TEST(RegressorTest, NothingButZerosIsZero) {
  const Examples examples = MakeExamples(20, 4, 2, 1, 5);
  SkillSums sums(SkillKind::kNumber, 4, kSampleMax);
  Teach(
      examples, Everything(examples), [](size_t) { return Lesson{}; }, sums);
  EXPECT_EQ(Solve(sums)->Predict(examples.row(3), 0, 0).number, 0);
}

TEST(NoveltyTest, KnowsWhatItWasNotTaught) {
  const Examples all = MakeExamples(1600, 24, 8, 3, 6);
  const Examples unseen = MakeExamples(1600, 24, 8, 3, 7);
  std::vector<size_t> normal;
  for (size_t i = 0; i < all.count(); ++i) {
    if (all.labels[i] < 6) normal.push_back(i);
  }
  SkillSums sums(SkillKind::kAnomaly, 24, kSampleMax);
  Teach(
      all, normal, [](size_t) { return Lesson{}; }, sums);
  const auto solved = Solve(sums);
  double strange = 0;
  double detected = 0;
  double refused = 0;
  for (size_t i = 0; i < unseen.count(); ++i) {
    const bool unknown = solved->Predict(unseen.row(i), 0, 0).unknown;
    strange += unseen.labels[i] >= 6;
    (unseen.labels[i] >= 6 ? detected : refused) += unknown;
  }
  EXPECT_GT(detected / strange, 0.8);
  EXPECT_LT(refused / (1600 - strange), 0.06);
}

TEST(SkillSumsTest, WhatIsTakenAwayWasNeverThere) {
  const Examples examples = MakeExamples(400, 10, 4, 1.5, 8);
  for (const SkillKind kind : {SkillKind::kLabel, SkillKind::kLabels, SkillKind::kNumber}) {
    const auto lesson_of = [&](size_t i) {
      if (kind == SkillKind::kLabel) return Lesson{{std::string(1, "abcd"[examples.labels[i]])}};
      return kind == SkillKind::kLabels ? TagsOf(examples, i)
                                        : Lesson{.number = NumberOf(examples, i)};
    };
    std::vector<size_t> all = Everything(examples);
    const std::vector<size_t> rest(all.begin() + 100, all.end());
    SkillSums expected(kind, 10, kSampleMax);
    Teach(examples, rest, lesson_of, expected);
    SkillSums sums(kind, 10, kSampleMax);
    Teach(examples, all, lesson_of, sums);
    for (size_t i = 0; i < 100; ++i) sums.Remove(i, lesson_of(i), examples.row(i));
    EXPECT_FALSE(sums.short_of_one());
    EXPECT_EQ(sums.count(), expected.count());
    const auto a = Solve(sums);
    const auto b = Solve(expected);
    for (size_t i = 0; i < 100; ++i) {
      const Prediction mine = a->Predict(examples.row(i), 4, 3);
      const Prediction theirs = b->Predict(examples.row(i), 4, 3);
      ASSERT_EQ(mine.scores.size(), theirs.scores.size());
      for (size_t c = 0; c < mine.scores.size(); ++c) {
        EXPECT_NEAR(mine.scores[c].confidence, theirs.scores[c].confidence, 1e-4);
        EXPECT_EQ(sums.labels()[static_cast<size_t>(mine.scores[c].output)],
                  expected.labels()[static_cast<size_t>(theirs.scores[c].output)]);
      }
      EXPECT_NEAR(mine.number, theirs.number, 1e-4);
      EXPECT_EQ(mine.examples, theirs.examples);
    }
  }
}

TEST(SkillSumsTest, SolvingLikeBeforeKeepsWhatWasChosen) {
  const Examples examples = MakeExamples(400, 10, 4, 1, 9);
  const auto lesson_of = [&](size_t i) {
    return Lesson{{std::string(1, "abcd"[examples.labels[i]])}};
  };
  const std::vector<size_t> all = Everything(examples);
  SkillSums sums(SkillKind::kLabel, 10, kSampleMax);
  Teach(examples, {all.begin(), all.begin() + 300}, lesson_of, sums);
  const auto first = Solve(sums);
  Teach(examples, {all.begin() + 300, all.end()}, lesson_of, sums);
  const auto quick = Solve(sums, first.get());
  EXPECT_EQ(quick->choice().ridge, first->choice().ridge);
  EXPECT_EQ(quick->choice().left_out, first->choice().left_out);
  const auto whole = Solve(sums);
  for (size_t i = 0; i < 50; ++i) {
    EXPECT_EQ(quick->Predict(examples.row(i), 1, 0).scores[0].output,
              whole->Predict(examples.row(i), 1, 0).scores[0].output);
  }
}

TEST(RandomFeaturesTest, TheirProductsAreTheKernel) {
  const RandomFeatures features(16, 4000, 0.7, 1);
  std::vector<float> a(16);
  std::vector<float> b(16);
  a[0] = 1;
  for (const double angle : {0.1, 0.5, 1.0, 2.0}) {
    b[0] = static_cast<float>(std::cos(angle));
    b[1] = static_cast<float>(std::sin(angle));
    std::vector<float> of_a(4000);
    std::vector<float> of_b(4000);
    features.Map(a, of_a);
    features.Map(b, of_b);
    double product = 0;
    for (size_t i = 0; i < of_a.size(); ++i) product += static_cast<double>(of_a[i]) * of_b[i];
    const double squares = 2 - 2 * std::cos(angle);
    EXPECT_NEAR(product, std::exp(-squares / (2 * 0.7 * 0.7)), 0.05) << angle;
  }
}

}  // namespace
}  // namespace mixmatch
