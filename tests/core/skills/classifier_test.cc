// What a classifier says of things that it was taught, that are new, and that are like nothing.
#include "core/skills/classifier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/core/skills/examples.h"

namespace mixmatch {
namespace {

using testing::Examples;
using testing::MakeExamples;

struct Taught {
  Moments moments;
  Responses responses;
  ExampleSample sample;
};

Taught Teach(const Examples& examples, const std::vector<size_t>& order, size_t sample_max = 5000) {
  Taught taught{Moments(examples.d), Responses(examples.d), ExampleSample(sample_max)};
  for (const size_t i : order) {
    testing::Teach(examples, i, taught.moments, taught.responses);
    taught.sample.Add({.example = i,
                       .outputs = {examples.labels[i]},
                       .x = {examples.row(i).begin(), examples.row(i).end()}});
  }
  return taught;
}

std::vector<size_t> Everything(const Examples& examples) {
  std::vector<size_t> order(examples.count());
  std::iota(order.begin(), order.end(), size_t{0});
  return order;
}

std::shared_ptr<const Classifier> Solve(const Taught& taught) {
  auto made = Classifier::Solve(taught.moments, taught.responses, taught.sample, {});
  EXPECT_TRUE(made.ok()) << made.status();
  return *made;
}

TEST(ClassifierTest, IsAsSureAsItIsRight) {
  for (const double apart : {0.5, 1.0, 2.0}) {
    const Examples examples = MakeExamples(600, 12, 5, apart, 1);
    const Examples unseen = MakeExamples(1000, 12, 5, apart, 2);
    const auto classifier = Solve(Teach(examples, Everything(examples)));
    EXPECT_EQ(classifier->choice().method, "discriminant");
    double right = 0;
    double confidence = 0;
    for (size_t i = 0; i < unseen.count(); ++i) {
      const Prediction prediction = classifier->Predict(unseen.row(i), 5, 0);
      ASSERT_EQ(prediction.scores.size(), 5U);
      double sum = 0;
      for (const ScoredOutput& score : prediction.scores) sum += score.confidence;
      EXPECT_NEAR(sum, 1, 1e-9);
      right += prediction.scores[0].output == unseen.labels[i];
      confidence += prediction.scores[0].confidence;
    }
    EXPECT_GT(right / 1000, apart > 1 ? 0.95 : 0.5) << apart;
    EXPECT_NEAR(right / 1000, confidence / 1000, 0.05) << apart;
    EXPECT_NEAR(right / 1000, classifier->choice().left_out, 0.06) << apart;
  }
}

TEST(ClassifierTest, LabelsThatWereNotTaughtAreUnknown) {
  const Examples all = MakeExamples(1600, 24, 8, 3, 3);
  const Examples unseen = MakeExamples(1600, 24, 8, 3, 4);
  std::vector<size_t> taught;  // six of the eight labels
  for (size_t i = 0; i < all.count(); ++i) {
    if (all.labels[i] < 6) taught.push_back(i);
  }
  const auto classifier = Solve(Teach(all, taught));
  double known = 0;
  double detected = 0;
  double refused = 0;
  for (size_t i = 0; i < unseen.count(); ++i) {
    const Prediction prediction = classifier->Predict(unseen.row(i), 1, 0);
    known += unseen.labels[i] < 6;
    (unseen.labels[i] < 6 ? refused : detected) += prediction.unknown;
  }
  EXPECT_GT(detected / (1600 - known), 0.8);
  EXPECT_LT(refused / known, 0.06);
}

TEST(ClassifierTest, AFewExamplesSpeakForThemselves) {
  const Examples pool = MakeExamples(400, 64, 6, 2, 5);
  std::vector<size_t> first;  // one of each label
  for (int label = 0; label < 6; ++label) {
    const auto found = std::find(pool.labels.begin(), pool.labels.end(), label);
    first.push_back(static_cast<size_t>(found - pool.labels.begin()));
  }
  const auto classifier = Solve(Teach(pool, first));
  EXPECT_EQ(classifier->choice().method, "nearest");
  int right = 0;
  for (size_t i = 0; i < pool.count(); ++i) {
    const Prediction prediction = classifier->Predict(pool.row(i), 1, 3);
    right += prediction.scores[0].output == pool.labels[i];
    // The one example of that label is all that speaks for it.
    ASSERT_EQ(prediction.examples.size(), 1U);
    EXPECT_EQ(pool.labels[prediction.examples[0]], prediction.scores[0].output);
  }
  EXPECT_GT(right, 320);
}

TEST(ClassifierTest, TheOrderOfTeachingChangesNothing) {
  const Examples examples = MakeExamples(300, 10, 4, 1, 6);
  std::vector<size_t> order = Everything(examples);
  const auto expected = Solve(Teach(examples, order, 100));
  for (uint64_t permutation = 0; permutation < 10; ++permutation) {
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return StableMix64(permutation, a) < StableMix64(permutation, b);
    });
    const auto classifier = Solve(Teach(examples, order, 100));
    for (size_t i = 0; i < 50; ++i) {
      const Prediction a = expected->Predict(examples.row(i), 4, 5);
      const Prediction b = classifier->Predict(examples.row(i), 4, 5);
      for (size_t c = 0; c < 4; ++c) {
        EXPECT_EQ(a.scores[c].output, b.scores[c].output);
        EXPECT_NEAR(a.scores[c].confidence, b.scores[c].confidence, 1e-4);
      }
      EXPECT_EQ(a.examples, b.examples);
      EXPECT_EQ(a.unknown, b.unknown);
    }
  }
}

TEST(ClassifierTest, ItsExamplesAreTheNearestOfItsLabel) {
  const Examples examples = MakeExamples(200, 10, 4, 2, 7);
  const auto classifier = Solve(Teach(examples, Everything(examples)));
  for (size_t i = 0; i < 20; ++i) {
    const Prediction prediction = classifier->Predict(examples.row(i), 1, 4);
    ASSERT_EQ(prediction.examples.size(), 4U);
    if (prediction.scores[0].output == examples.labels[i]) {
      EXPECT_EQ(prediction.examples[0], i);
    }
    for (const uint64_t example : prediction.examples) {
      EXPECT_EQ(examples.labels[example], prediction.scores[0].output);
    }
  }
}

TEST(ExampleSampleTest, IsTheSameInAnyOrderAndSaysWhenItFellShort) {
  ExampleSample forward(20);
  ExampleSample backward(20);
  for (uint64_t i = 0; i < 100; ++i) {
    forward.Add({.example = i});
    backward.Add({.example = 99 - i});
  }
  ASSERT_EQ(forward.size(), 20U);
  std::vector<uint64_t> kept;
  for (const auto& [key, example] : forward.kept()) kept.push_back(example.example);
  for (const auto& [key, example] : backward.kept()) {
    EXPECT_NE(std::find(kept.begin(), kept.end(), example.example), kept.end());
  }
  uint64_t other = 0;
  while (std::find(kept.begin(), kept.end(), other) != kept.end()) ++other;
  EXPECT_FALSE(forward.Remove(other));
  EXPECT_FALSE(forward.short_of_one());
  EXPECT_TRUE(forward.Remove(kept[3]));
  EXPECT_TRUE(forward.short_of_one());
  ExampleSample small(20);
  small.Add({.example = 1});
  EXPECT_TRUE(small.Remove(1));
  EXPECT_FALSE(small.short_of_one());  // nobody was turned away
}

}  // namespace
}  // namespace mixmatch
