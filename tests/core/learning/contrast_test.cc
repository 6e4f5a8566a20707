// The contrast: loss and gradient against plain loops and finite differences.
#include "core/learning/contrast.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

constexpr size_t kWidth = 8;
constexpr int kEmbedding = kWidth;

std::vector<float> Embeddings(int count) {
  std::vector<float> values(static_cast<size_t>(count) * kWidth);
  for (size_t i = 0; i < values.size(); ++i) values[i] = testing::Noise(3, i) - 0.5F;
  return values;
}

Neutrality Nobody(int episodes) {
  return {episodes,
          std::vector<uint8_t>(static_cast<size_t>(episodes) * static_cast<size_t>(episodes), 0)};
}

void SetNeutral(Neutrality& neutral, size_t a, size_t b) {
  const auto episodes = static_cast<size_t>(neutral.episodes);
  neutral.neutral[a * episodes + b] = 1;
  neutral.neutral[b * episodes + a] = 1;
}

// Rows are the embeddings 0 .. n - 1, columns n .. 2n - 1.
ContrastTerm Diagonal(int n) {
  ContrastTerm term;
  for (int i = 0; i < n; ++i) {
    term.rows.push_back({i, i});
    term.columns.push_back({n + i, i});
    term.partner.push_back(i);
  }
  return term;
}

TEST(ContrastTest, TwoPairsGiveWhatTheFormulaSays) {
  std::vector<float> embeddings(4 * kWidth, 0);
  embeddings[0] = 1;              // row 0 = e0
  embeddings[kWidth + 1] = 1;     // row 1 = e1
  embeddings[2 * kWidth] = 1;     // column 0 = e0
  embeddings[3 * kWidth] = 0.5F;  // column 1 = (e0 + e1) / 2
  embeddings[3 * kWidth + 1] = 0.5F;
  const std::vector<ContrastTerm> terms = {Diagonal(2)};
  const ContrastResult result = Contrast(embeddings, kEmbedding, terms, Nobody(2), 2, {});
  const double first = -std::log(std::exp(2.0) / (std::exp(2.0) + std::exp(1.0)));
  const double second = -std::log(std::exp(1.0) / (std::exp(0.0) + std::exp(1.0)));
  EXPECT_NEAR(result.loss, (first + second) / 2, 1e-6);
  EXPECT_EQ(result.positives, 2U);
}

TEST(ContrastTest, TheGradientIsTheSlopeOfTheLoss) {
  Neutrality neutral = Nobody(19);
  SetNeutral(neutral, 2, 11);
  SetNeutral(neutral, 0, 1);
  std::vector<ContrastTerm> terms = {Diagonal(19), Diagonal(19)};
  terms[1].rows.resize(5);  // fewer rows than columns
  terms[1].partner.resize(5);
  terms[1].weight = 3;
  std::vector<float> embeddings = Embeddings(38);
  std::vector<float> gradient(embeddings.size());
  Contrast(embeddings, kEmbedding, terms, neutral, 5, gradient);
  for (size_t i = 0; i < embeddings.size(); i += 7) {
    const float before = embeddings[i];
    embeddings[i] = before + 0.01F;
    const double above = Contrast(embeddings, kEmbedding, terms, neutral, 5, {}).loss;
    embeddings[i] = before - 0.01F;
    const double below = Contrast(embeddings, kEmbedding, terms, neutral, 5, {}).loss;
    embeddings[i] = before;
    EXPECT_NEAR(gradient[i], (above - below) / 0.02, 2e-4) << i;
  }
}

TEST(ContrastTest, NeutralEpisodesNeitherPushNorPull) {
  Neutrality neutral = Nobody(3);
  SetNeutral(neutral, 0, 1);
  ContrastTerm term = Diagonal(3);
  term.rows.resize(1);  // episode 0 alone asks
  term.partner.resize(1);
  std::vector<float> embeddings = Embeddings(6);
  std::vector<float> gradient(embeddings.size());
  const std::vector<ContrastTerm> terms = {term};
  const double loss = Contrast(embeddings, kEmbedding, terms, neutral, 5, gradient).loss;
  bool pushed = false;
  for (size_t e = 0; e < kWidth; ++e) {
    EXPECT_EQ(gradient[(3 + 1) * kWidth + e], 0);
    pushed = pushed || gradient[(3 + 2) * kWidth + e] != 0;
  }
  EXPECT_TRUE(pushed);
  embeddings[4 * kWidth] += 10;  // where the neutral one lies changes nothing
  EXPECT_EQ(Contrast(embeddings, kEmbedding, terms, neutral, 5, {}).loss, loss);
}

// Rows ask among 12 columns, which are axes; of the columns 4 to 6, as many as `twins` look like
// column 0. Gives the length of the gradient of each column.
std::vector<double> PushesWithTwins(size_t rows, size_t twins) {
  constexpr size_t kColumns = 12;
  ContrastTerm term = Diagonal(kColumns);
  term.rows.resize(rows);
  term.partner.resize(rows);
  constexpr size_t kAxes = 16;
  std::vector<float> embeddings(2 * kColumns * kAxes, 0);
  for (size_t i = 0; i < kColumns; ++i) {
    embeddings[i * kAxes + i] = 1;
    float* column = embeddings.data() + (kColumns + i) * kAxes;
    column[i] = i >= 4 && i < 4 + twins ? 0.6F : 1;
    if (column[i] < 1) column[0] = 0.8F;
  }
  std::vector<float> gradient(embeddings.size());
  const std::vector<ContrastTerm> terms = {term};
  Contrast(embeddings, kAxes, terms, Nobody(kColumns), 5, gradient);
  std::vector<double> pushes;
  for (size_t i = 0; i < kColumns; ++i) {
    const float* g = gradient.data() + (kColumns + i) * kAxes;
    pushes.push_back(std::abs(g[0]));  // along what row 0 is
  }
  return pushes;
}

TEST(ContrastTest, ARareRowPushesNothingThatLooksLikeItsPartner) {
  const std::vector<double> pushes = PushesWithTwins(3, 2);
  EXPECT_GT(pushes[0], 0);
  EXPECT_EQ(pushes[4], 0);
  EXPECT_EQ(pushes[5], 0);
  EXPECT_GT(pushes[6], 0);
}

TEST(ContrastTest, OfManyLookalikesARareRowSparesASixth) {
  const std::vector<double> pushes = PushesWithTwins(3, 3);
  EXPECT_EQ((pushes[4] == 0) + (pushes[5] == 0) + (pushes[6] == 0), 2);
}

TEST(ContrastTest, RowsThatAreNotRarePushLookalikesToo) {
  const std::vector<double> pushes = PushesWithTwins(4, 2);
  EXPECT_GT(pushes[4], pushes[6]);
  EXPECT_GT(pushes[5], pushes[6]);
}

TEST(ContrastTest, TheLossOfEachPairIsTheMeanOverItsOwnPositives) {
  std::vector<ContrastTerm> terms = {Diagonal(6), Diagonal(6), Diagonal(6)};
  terms[0].label = terms[2].label = "a -> b";
  terms[1].label = "b -> a";
  terms[1].weight = 3;  // says nothing about the pair itself
  terms[2].rows.resize(2);
  terms[2].partner.resize(2);
  const std::vector<float> embeddings = Embeddings(12);
  const auto alone = [&](size_t t) {
    return Contrast(embeddings, kEmbedding, {&terms[t], 1}, Nobody(6), 5, {}).loss;
  };
  const ContrastResult result = Contrast(embeddings, kEmbedding, terms, Nobody(6), 5, {});
  ASSERT_EQ(result.pairs.size(), 2U);
  EXPECT_EQ(result.pairs[0].pair, "a -> b");
  EXPECT_EQ(result.pairs[0].positives, 8U);
  EXPECT_NEAR(result.pairs[0].loss, (6 * alone(0) + 2 * alone(2)) / 8, 1e-6);
  EXPECT_EQ(result.pairs[1].pair, "b -> a");
  EXPECT_EQ(result.pairs[1].positives, 6U);
  EXPECT_NEAR(result.pairs[1].loss, alone(1), 1e-6);
  EXPECT_EQ(result.positives, 14U);
}

TEST(ContrastTest, WhereAllAreNeutralThereIsNothingToLearn) {
  Neutrality neutral{4, std::vector<uint8_t>(16, 1)};
  const std::vector<ContrastTerm> terms = {Diagonal(4)};
  EXPECT_EQ(CountPositives(terms, neutral), 0U);
  EXPECT_EQ(CountPositives(terms, Nobody(4)), 4U);
  std::vector<float> embeddings = Embeddings(8);
  std::vector<float> gradient(embeddings.size());
  EXPECT_EQ(Contrast(embeddings, kEmbedding, terms, neutral, 5, gradient).positives, 0U);
  for (const float g : gradient) EXPECT_EQ(g, 0);
}

}  // namespace
}  // namespace mixmatch
