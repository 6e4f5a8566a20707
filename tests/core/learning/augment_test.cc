// Augmentation: what it changes, what it leaves, and that it is a function of its seed.
#include "core/learning/augment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

const std::vector<Features>& Samples() {
  static const std::vector<Features> kSamples = {
      testing::ImageSample(1),     testing::ImageSample(2, 3),  testing::AudioSample(3, 1),
      testing::AudioSample(4, 60), testing::SeriesSample(5, 2), testing::VectorSample(6, 9)};
  return kSamples;
}

TEST(AugmentTest, ChangesThePerceptAndKeepsItsForm) {
  for (const Features& features : Samples()) {
    Random random(1);
    for (int i = 0; i < 20; ++i) {
      const Features changed = Augment(features, random);
      EXPECT_EQ(changed.kind, features.kind);
      EXPECT_EQ(changed.shape.size(), features.shape.size());
      EXPECT_EQ(changed.shape.back(), features.shape.back());
      size_t count = features.kind == PayloadKind::kSeries || features.kind == PayloadKind::kVector
                         ? sizeof(float)
                         : 1;
      for (const uint32_t size : changed.shape) count *= size;
      EXPECT_EQ(changed.bytes.size(), count);
      if (features.shape[0] > 1 || features.kind == PayloadKind::kImage) {
        EXPECT_NE(changed.bytes, features.bytes);
      }
    }
  }
}

TEST(AugmentTest, TheSameSeedChangesTheSameWay) {
  for (const Features& features : Samples()) {
    Random a(9);
    Random b(9);
    Random c(10);
    const std::string changed = Augment(features, a).bytes;
    EXPECT_EQ(changed, Augment(features, b).bytes);
    if (features.bytes.size() > 64) {
      EXPECT_NE(changed, Augment(features, c).bytes);
    }
  }
}

TEST(AugmentTest, ASmallChangeIsSmall) {
  const Features vector = testing::VectorSample(6, 200);
  Random random(3);
  const auto before = vector.Values<float>();
  const auto after = Augment(vector, random).Values<float>();
  double squares = 0;
  double change = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    squares += before[i] * before[i];
    change += (after[i] - before[i]) * (after[i] - before[i]);
  }
  EXPECT_GT(change, 0);
  EXPECT_LT(std::sqrt(change / squares), 0.1);
}

TEST(AugmentTest, TextChangesOnlyAsAViewAndKeepsItsWords) {
  const Features text = testing::TextSample(7, 6, 20);
  Random random(2);
  EXPECT_EQ(Augment(text, random).bytes, text.bytes);
  const auto before = text.Values<uint32_t>();
  const auto after = AugmentForView(text, random).Values<uint32_t>();
  EXPECT_LT(after.size(), before.size());
  size_t words = 0;
  for (size_t at = 0; at < after.size(); at += after[at] + size_t{1}, ++words) {
    EXPECT_EQ(after[at + 1], before[words * 21 + 1]);
  }
  EXPECT_EQ(words, 6U);
}

}  // namespace
}  // namespace mixmatch
