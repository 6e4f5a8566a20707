// Patch features against a plain convolution, and what they must not depend on.
#include "core/skills/patch_features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/base/hash.h"

namespace mixmatch {
namespace {

constexpr size_t kPx = 12;
constexpr PatchSettings kSmall = {.window = {4, 4}, .filters = 8, .grid = {3, 3}};

// Pictures of blocks of random brightness, the same on every machine.
std::vector<uint8_t> Pictures(size_t count, uint64_t seed) {
  std::vector<uint8_t> pictures;
  for (size_t i = 0; i < count; ++i) {
    for (size_t y = 0; y < kPx; ++y) {
      for (size_t x = 0; x < kPx; ++x) {
        pictures.push_back(
            static_cast<uint8_t>(StableMix64(seed, i * 100 + y / 3 * 10 + x / 3) % 256));
      }
    }
  }
  return pictures;
}

std::vector<float> Map(const PatchFeatures& features, std::span<const uint8_t> picture) {
  std::vector<float> out(features.dimension());
  features.Map(picture, out);
  return out;
}

TEST(PatchFeaturesTest, DependOnSeedAndSampleAlone) {
  const std::vector<uint8_t> pictures = Pictures(20, 1);
  const auto one = PatchFeatures::Make(pictures, {kPx, kPx}, 5, kSmall);
  const auto same = PatchFeatures::Make(pictures, {kPx, kPx}, 5, kSmall);
  const auto other = PatchFeatures::Make(pictures, {kPx, kPx}, 6, kSmall);
  ASSERT_TRUE(one.ok() && same.ok() && other.ok());
  EXPECT_EQ(one->dimension(), 8U * 2 * 9);
  const auto picture = std::span(pictures).subspan(kPx * kPx, kPx * kPx);
  EXPECT_EQ(Map(*one, picture), Map(*same, picture));
  EXPECT_NE(Map(*one, picture), Map(*other, picture));
}

TEST(PatchFeaturesTest, DoNotSeeBrightnessAndHardlyContrast) {
  const std::vector<uint8_t> pictures = Pictures(20, 1);
  const auto features = PatchFeatures::Make(pictures, {kPx, kPx}, 5, kSmall);
  ASSERT_TRUE(features.ok());
  std::vector<uint8_t> dark(kPx * kPx);
  std::vector<uint8_t> bright(kPx * kPx);
  std::vector<uint8_t> strong(kPx * kPx);
  for (size_t i = 0; i < dark.size(); ++i) {
    dark[i] = pictures[i] / 4;
    bright[i] = static_cast<uint8_t>(dark[i] + 150);
    strong[i] = static_cast<uint8_t>(dark[i] * 3);
  }
  const std::vector<float> seen = Map(*features, dark);
  const std::vector<float> brighter = Map(*features, bright);
  const std::vector<float> stronger = Map(*features, strong);
  const float largest = *std::max_element(seen.begin(), seen.end());
  ASSERT_GT(largest, 0);
  for (size_t i = 0; i < seen.size(); ++i) {
    EXPECT_NEAR(brighter[i], seen[i], 1e-3 * largest);
    EXPECT_NEAR(stronger[i], seen[i], 0.1 * largest);
  }
}

TEST(PatchFeaturesTest, SayWhereThingsAre) {
  const std::vector<uint8_t> pictures = Pictures(20, 1);
  const auto features = PatchFeatures::Make(pictures, {kPx, kPx}, 5, kSmall);
  ASSERT_TRUE(features.ok());
  // A stroke in the upper left, and the same one in the lower right.
  std::vector<uint8_t> upper(kPx * kPx, 100);
  std::vector<uint8_t> lower(kPx * kPx, 100);
  for (size_t i = 0; i < 3; ++i) {
    upper[i * kPx + i] = 255;
    lower[(i + 9) * kPx + i + 9] = 255;
  }
  const std::vector<float> blank = Map(*features, std::vector<uint8_t>(kPx * kPx, 100));
  const auto changed = [&](const std::vector<float>& seen, size_t part) {
    float sum = 0;
    for (size_t i = part * 16; i < (part + 1) * 16; ++i) sum += std::abs(seen[i] - blank[i]);
    return sum;
  };
  const std::vector<float> above = Map(*features, upper);
  const std::vector<float> below = Map(*features, lower);
  EXPECT_GT(changed(above, 0), 0);
  EXPECT_EQ(changed(above, 8), 0);
  EXPECT_GT(changed(below, 8), 0);
  EXPECT_EQ(changed(below, 0), 0);
}

TEST(PatchFeaturesTest, AreFiniteOnBlankPictures) {
  const std::vector<uint8_t> blank(3 * kPx * kPx, 7);
  const auto features = PatchFeatures::Make(blank, {kPx, kPx}, 1, kSmall);
  ASSERT_TRUE(features.ok()) << features.status();
  for (const float value : Map(*features, std::span(blank).first(kPx * kPx))) {
    EXPECT_TRUE(std::isfinite(value));
  }
}

TEST(PatchFeaturesTest, SettingsThatDoNotFitAreRefused) {
  const std::vector<uint8_t> pictures = Pictures(2, 1);
  for (const PatchSettings& settings :
       {PatchSettings{.window = {13, 13}}, PatchSettings{.window = {1, 1}},
        PatchSettings{.filters = 0}, PatchSettings{.window = {6, 6}, .grid = {8, 8}}}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(PatchFeatures::Make(pictures, {kPx, kPx}, 1, settings).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(PatchFeatures::Make({}, {kPx, kPx}, 1, kSmall).status()));
}

}  // namespace
}  // namespace mixmatch
