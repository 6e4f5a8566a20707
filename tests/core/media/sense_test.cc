// The whole way from a percept to its features.
#include "core/media/sense.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <vector>

#include "core/base/status.h"
#include "core/senses/audio_front_end.h"
#include "core/senses/image_front_end.h"
#include "tests/core/media/files.h"

namespace mixmatch {
namespace {

using testing::GreyRows;
using testing::Png;
using testing::SineL16;
using testing::Wav;

std::vector<Percept> OneOfEach() {
  return {
      {.modality = "text", .payload = TextPayload{"three"}},
      {.modality = "audio", .payload = AudioPayload{.data = Wav({}, SineL16(440, 8000, 800))}},
      {.modality = "image", .payload = ImagePayload{.data = Png(28, 28, 8, 0, GreyRows(28, 28))}},
      {.modality = "imu", .payload = SeriesPayload{.values = {1, 2, 3, 4}, .rate_hz = 50}},
      {.modality = "pose", .payload = VectorPayload{{1, 2, 3}}}};
}

size_t ElementSize(PayloadKind kind) {
  return kind == PayloadKind::kAudio || kind == PayloadKind::kImage ? 1 : 4;
}

TEST(PerceiveTest, FeaturesOfEveryKindFitTheirShape) {
  for (const Percept& percept : OneOfEach()) {
    const auto features = Perceive(percept, {});
    ASSERT_TRUE(features.ok()) << percept.modality << ": " << features.status();
    EXPECT_EQ(features->kind, KindOf(percept.payload));
    EXPECT_EQ(features->front_end_version, kFrontEndVersion);
    EXPECT_EQ(features->content, HashPercept(percept));
    size_t count = 1;
    for (const uint32_t side : features->shape) count *= side;
    EXPECT_EQ(features->bytes.size(), count * ElementSize(features->kind)) << percept.modality;
  }
}

TEST(PerceiveTest, MnistSizedPictureIsPaddedNotBlurred) {
  const auto features = Perceive(OneOfEach()[2], {});
  ASSERT_TRUE(features.ok());
  ASSERT_EQ(features->shape, (std::vector<uint32_t>{1, kImagePx, kImagePx}));
  const std::vector<uint8_t> values = features->Values<uint8_t>();
  for (uint32_t y = 0; y < 28; ++y) {
    for (uint32_t x = 0; x < 28; ++x) {
      ASSERT_EQ(values[(y + 2) * 32 + x + 2], static_cast<uint8_t>(x * 7 + y * 3));
    }
  }
}

TEST(PerceiveTest, SineOf48KilohertzLandsInItsMelBin) {
  // Bin m's centre is at mel(60) + (m + 1) / 65 of the way to mel(7600); 1 kHz lies in bin 21.
  const auto mel = [](double hz) { return 2595 * std::log10(1 + hz / 700); };
  const auto expected = std::lround((mel(1000) - mel(60)) / (mel(7600) - mel(60)) * 65 - 1);
  const auto features = Perceive(
      {.modality = "audio",
       .payload = AudioPayload{.data = Wav({.rate_hz = 48000}, SineL16(1000, 48000, 24000))}},
      {});
  ASSERT_TRUE(features.ok()) << features.status();
  ASSERT_EQ(features->shape, (std::vector<uint32_t>{49, kMelBins}));
  const std::vector<uint8_t> values = features->Values<uint8_t>();
  for (std::ptrdiff_t t = 2; t < 46; ++t) {
    const auto row = values.begin() + t * 64;
    EXPECT_EQ(std::max_element(row, row + 64) - row, expected) << "frame " << t;
  }
}

TEST(PerceiveTest, RefusesWhatHasNoFrontEnd) {
  EXPECT_EQ(FieldOf(Perceive({}, {}).status()), "payload");
  const auto video = Perceive({.modality = "video", .payload = VideoPayload{.data = "x"}}, {});
  EXPECT_EQ(FieldOf(video.status()), "video");
  EXPECT_NE(video.status().message().find("not supported yet"), absl::string_view::npos);
}

TEST(PerceiveTest, ErrorsOfDecodersPass) {
  EXPECT_EQ(FieldOf(Perceive({.modality = "a", .payload = AudioPayload{.data = "x"}}, {}).status()),
            "audio.data");
  EXPECT_EQ(FieldOf(Perceive({.modality = "i", .payload = ImagePayload{.data = "x"}}, {}).status()),
            "image.data");
}

TEST(PerceiveTest, ManyThreadsGetTheSameFeatures) {
  const std::vector<Percept> percepts = OneOfEach();
  std::vector<std::string> expected;
  for (const Percept& percept : percepts) expected.push_back(Perceive(percept, {})->bytes);
  std::vector<int> wrong(8);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        for (size_t i = 0; i < percepts.size(); ++i) {
          const auto features = Perceive(percepts[i], {});
          if (!features.ok() || features->bytes != expected[i]) ++count;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(8, 0));
}

}  // namespace
}  // namespace mixmatch
