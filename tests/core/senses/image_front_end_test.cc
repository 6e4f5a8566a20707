// The resize against a naive one, and what it keeps.
#include "core/senses/image_front_end.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/status.h"

namespace mixmatch {
namespace {

Pixels Noise(uint32_t width, uint32_t height, uint32_t channels) {
  Pixels pixels{.width = width, .height = height, .channels = channels, .data = {}};
  uint32_t state = 12345;
  for (size_t i = 0; i < size_t{width} * height * channels; ++i) {
    state = state * 1664525 + 1013904223;
    pixels.data.push_back(static_cast<uint8_t>(state >> 24));
  }
  return pixels;
}

std::vector<uint8_t> ValuesOf(const Pixels& pixels) {
  const auto features = ImageFeatures(pixels);
  EXPECT_TRUE(features.ok()) << features.status();
  if (!features.ok()) return std::vector<uint8_t>(size_t{3} * 32 * 32);
  EXPECT_EQ(features->kind, PayloadKind::kImage);
  return features->Values<uint8_t>();
}

// Mean over a rectangle, pixels at its border by the share that is covered.
double NaiveArea(const Pixels& p, uint32_t c, double x0, double x1, double y0, double y1) {
  double sum = 0;
  for (uint32_t y = 0; y < p.height; ++y) {
    for (uint32_t x = 0; x < p.width; ++x) {
      const double w = std::max(0.0, std::min(x1, x + 1.0) - std::max<double>(x0, x));
      const double h = std::max(0.0, std::min(y1, y + 1.0) - std::max<double>(y0, y));
      sum += w * h * p.data[(size_t{y} * p.width + x) * p.channels + c];
    }
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

TEST(ImageFrontEndTest, ShrinksByAreaAveraging) {
  const Pixels pixels = Noise(75, 50, 3);  // fits as 32 x 21
  const std::vector<uint8_t> values = ValuesOf(pixels);
  ASSERT_EQ(values.size(), 3u * 32 * 32);
  const double sx = 75.0 / 32, sy = 50.0 / 21;
  for (uint32_t c = 0; c < 3; ++c) {
    for (uint32_t y = 0; y < 21; ++y) {
      for (uint32_t x = 0; x < 32; ++x) {
        const double expected = NaiveArea(pixels, c, x * sx, (x + 1) * sx, y * sy, (y + 1) * sy);
        ASSERT_NEAR(values[(c * 32 + y + 5) * 32 + x], expected, 0.51) << c << " " << y << " " << x;
      }
    }
  }
}

TEST(ImageFrontEndTest, FineStripesBecomeGreyInsteadOfAliasing) {
  Pixels pixels{.width = 640, .height = 640, .channels = 1, .data = {}};
  for (uint32_t i = 0; i < 640 * 640; ++i) pixels.data.push_back(i % 2 == 0 ? 0 : 255);
  for (const uint8_t value : ValuesOf(pixels)) EXPECT_NEAR(value, 127.5, 0.51);
}

TEST(ImageFrontEndTest, CopiesMnistSizePixelByPixel) {
  Pixels pixels = Noise(28, 28, 1);
  for (uint32_t i = 0; i < 28; ++i) {  // an edge of one colour
    for (const uint32_t at : {i, 27 * 28 + i, i * 28, i * 28 + 27}) pixels.data[at] = 9;
  }
  const std::vector<uint8_t> values = ValuesOf(pixels);
  for (uint32_t y = 0; y < 32; ++y) {
    for (uint32_t x = 0; x < 32; ++x) {
      const bool inside = x >= 2 && x < 30 && y >= 2 && y < 30;
      ASSERT_EQ(values[y * 32 + x], inside ? pixels.data[(y - 2) * 28 + x - 2] : 9);
    }
  }
}

TEST(ImageFrontEndTest, EnlargesSmallPicturesBilinearly) {
  const Pixels pixels{.width = 2, .height = 2, .channels = 1, .data = {0, 160, 0, 160}};
  const std::vector<uint8_t> values = ValuesOf(pixels);
  for (uint32_t x = 0; x < 32; ++x) {
    const double expected = 160 * std::clamp((x + 0.5) / 16 - 0.5, 0.0, 1.0);
    EXPECT_NEAR(values[x], expected, 0.51);
    EXPECT_EQ(values[x], values[31 * 32 + x]);
  }
}

TEST(ImageFrontEndTest, PadsWithTheColourOfTheEdgesThatTouch) {
  Pixels pixels{.width = 30, .height = 10, .channels = 1, .data = std::vector<uint8_t>(300, 200)};
  // Kept at its size: padded on all four sides. As 64 x 20 it becomes 32 x 10: top and bottom only.
  EXPECT_EQ(ValuesOf(pixels)[0], 200);
  pixels = {
      .width = 64, .height = 20, .channels = 1, .data = std::vector<uint8_t>(size_t{64} * 20, 200)};
  for (size_t y = 4; y < 16; ++y) pixels.data[y * 64] = pixels.data[y * 64 + 63] = 0;
  EXPECT_EQ(ValuesOf(pixels)[0], 200);
}

TEST(ImageFrontEndTest, ExtremeAspectKeepsAPixel) {
  EXPECT_EQ(
      ValuesOf({.width = 5000, .height = 1, .channels = 1, .data = std::vector<uint8_t>(5000, 7)}),
      std::vector<uint8_t>(size_t{32} * 32, 7));
}

TEST(ImageFrontEndTest, ColourOfEqualChannelsBecomesGrey) {
  Pixels grey = Noise(40, 40, 1);
  Pixels rgb{.width = 40, .height = 40, .channels = 3, .data = {}};
  for (const uint8_t v : grey.data) rgb.data.insert(rgb.data.end(), 3, v);
  const auto a = ImageFeatures(grey);
  auto b = ImageFeatures(rgb);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(b->shape, (std::vector<uint32_t>{1, 32, 32}));
  EXPECT_EQ(a->bytes, b->bytes);
  rgb.data[0] = static_cast<uint8_t>(rgb.data[0] ^ 0x80);
  b = ImageFeatures(rgb);
  ASSERT_TRUE(b.ok());
  EXPECT_EQ(b->shape, (std::vector<uint32_t>{3, 32, 32}));
}

TEST(ImageFrontEndTest, RefusesSizesThatDoNotFitTheData) {
  for (const Pixels& bad :
       {Pixels{}, Pixels{.width = 4, .height = 4, .channels = 2, .data = std::vector<uint8_t>(32)},
        Pixels{.width = 4, .height = 4, .channels = 1, .data = std::vector<uint8_t>(15)},
        Pixels{.width = 4, .height = 4, .channels = 1, .data = std::vector<uint8_t>(17)},
        Pixels{.width = 0, .height = 4, .channels = 1, .data = {}},
        Pixels{.width = 0xFFFFFFFF, .height = 0xFFFFFFFF, .channels = 3, .data = {1, 2, 3}}}) {
    const auto features = ImageFeatures(bad);
    EXPECT_EQ(features.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(FieldOf(features.status()), "image.data");
  }
}

}  // namespace
}  // namespace mixmatch
