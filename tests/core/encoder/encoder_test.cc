// Embedding: unit vectors, independence of neighbours and order, new modalities, round trips.
#include "core/encoder/encoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

using testing::AudioSample;
using testing::ImageSample;
using testing::SeriesSample;
using testing::Spec;
using testing::TextSample;
using testing::TinyModel;
using testing::VectorSample;

const ModalitySpec kImage = Spec("image", PayloadKind::kImage);
const ModalitySpec kAudio = Spec("audio", PayloadKind::kAudio);
const ModalitySpec kText = Spec("text", PayloadKind::kText);
const ModalitySpec kImu = Spec("imu", PayloadKind::kSeries, 3);
const ModalitySpec kPose = Spec("pose", PayloadKind::kVector, 5);

std::shared_ptr<const Encoder> Make(const ModelConfig& config = TinyModel()) {
  auto encoder = Encoder::Create(config);
  EXPECT_TRUE(encoder.ok()) << encoder.status();
  return *encoder;
}

std::vector<float> Embed(const Encoder& encoder, const std::vector<Mixture>& mixtures) {
  std::vector<float> out(mixtures.size() * static_cast<size_t>(encoder.config().embedding));
  const absl::Status status = encoder.Embed(mixtures, out);
  EXPECT_TRUE(status.ok()) << status;
  return out;
}

float Difference(const std::vector<float>& a, const float* b) {
  float most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

// One percept of every kind, of awkward lengths, and mixtures of them.
class EncoderTest : public ::testing::Test {
 protected:
  const Features grey_ = ImageSample(1);
  const Features colour_ = ImageSample(2, 3);
  const Features short_ = AudioSample(3, 1);
  const Features odd_ = AudioSample(4, 43);
  const Features long_ = AudioSample(5, 207);
  const Features word_ = TextSample(6);
  const Features sentence_ = TextSample(7, 9);
  const Features series_ = SeriesSample(8, 3);
  const Features brief_ = SeriesSample(9, 3, 5);
  const Features vector_ = VectorSample(10, 5);
  const std::vector<Mixture> all_ = {
      {{&kImage, &grey_}},
      {{&kImage, &colour_}},
      {{&kAudio, &short_}},
      {{&kAudio, &odd_}},
      {{&kAudio, &long_}},
      {{&kText, &word_}},
      {{&kText, &sentence_}},
      {{&kImu, &series_}},
      {{&kImu, &brief_}},
      {{&kPose, &vector_}},
      {{&kImage, &grey_}, {&kAudio, &odd_}},
      {{&kText, &word_}, {&kAudio, &long_}, {&kPose, &vector_}, {&kImu, &brief_}}};
};

TEST_F(EncoderTest, EveryKindAndMixtureBecomesAUnitVector) {
  const auto encoder = Make();
  const std::vector<float> out = Embed(*encoder, all_);
  for (size_t m = 0; m < all_.size(); ++m) {
    double squares = 0;
    for (size_t e = 0; e < 16; ++e) squares += std::pow(out[m * 16 + e], 2);
    EXPECT_NEAR(squares, 1, 1e-5) << m;
    for (size_t n = 0; n < m; ++n) {
      EXPECT_GT(Difference({out.begin() + static_cast<std::ptrdiff_t>(m * 16),
                            out.begin() + static_cast<std::ptrdiff_t>(m * 16 + 16)},
                           out.data() + n * 16),
                1e-3F)
          << m << " and " << n << " are one";
    }
  }
}

TEST_F(EncoderTest, AMixtureDoesNotChangeWithItsNeighbours) {
  const auto encoder = Make();
  const std::vector<float> together = Embed(*encoder, all_);
  for (size_t m = 0; m < all_.size(); ++m) {
    EXPECT_LT(Difference(Embed(*encoder, {all_[m]}), together.data() + m * 16), 1e-5F) << m;
  }
}

TEST_F(EncoderTest, TheOrderOfPerceptsDoesNotMatter) {
  const auto encoder = Make();
  Mixture turned = all_.back();
  std::reverse(turned.begin(), turned.end());
  EXPECT_EQ(Embed(*encoder, {all_.back()}), Embed(*encoder, {turned}));
}

TEST_F(EncoderTest, AGreyPictureIsThePictureWithThreeEqualChannels) {
  const auto encoder = Make();
  const Features tripled = ImageSample(1, 3);
  const Mixture mixture = {{&kImage, &tripled}};
  EXPECT_LT(Difference(Embed(*encoder, {mixture}), Embed(*encoder, {all_[0]}).data()), 1e-5F);
}

TEST_F(EncoderTest, EverythingFollowsFromTheSeed) {
  EXPECT_EQ(Embed(*Make(), all_), Embed(*Make(), all_));
  EXPECT_NE(Embed(*Make(TinyModel(8)), all_), Embed(*Make(TinyModel(9)), all_));
}

TEST_F(EncoderTest, AModalityThatComesLateIsTheSameInEveryCopy) {
  const auto first = Make();
  const auto early = Embed(*first, {all_[0]});
  const auto copy = Encoder::Deserialize(first->Serialize());
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(Embed(**copy, {all_[9]}), Embed(*first, {all_[9]}));
  const ModalitySpec renamed = Spec("arm", PayloadKind::kVector, 5);
  const Mixture other = {{&renamed, &vector_}};
  EXPECT_NE(Embed(*first, {other}), Embed(*first, {all_[9]}));
}

TEST_F(EncoderTest, SerialisedAndReadAgainItIsTheSame) {
  const auto encoder = Make();
  const std::vector<float> before = Embed(*encoder, all_);
  const std::string bytes = encoder->Serialize();
  const auto read = Encoder::Deserialize(bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(Embed(**read, all_), before);
  EXPECT_EQ((*read)->Serialize(), bytes);
  EXPECT_EQ((*read)->parameter_count(), encoder->parameter_count());
  EXPECT_EQ((*read)->config().seed, 7U);
}

TEST_F(EncoderTest, DamagedWeightsAreDataLoss) {
  const auto encoder = Make();
  Embed(*encoder, {all_[9]});
  const std::string bytes = encoder->Serialize();
  for (size_t i = 0; i < bytes.size(); i += bytes.size() / 50 + 1) {
    std::string bad = bytes;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_EQ(Encoder::Deserialize(bad).status().code(), absl::StatusCode::kDataLoss) << i;
  }
}

TEST_F(EncoderTest, FeaturesThatDoNotFitAreRefused) {
  const auto encoder = Make();
  Features nan = vector_;
  nan.SetValues<float>(std::vector<float>{1, 2, std::nanf(""), 4, 5});
  Features cut = grey_;
  cut.bytes.pop_back();
  Features words = word_;
  words.SetValues<uint32_t>(std::vector<uint32_t>{9, 1, 2, 3, 4, 5});
  const std::vector<Mixture> bad = {{{&kPose, &nan}},
                                    {{&kImage, &cut}},
                                    {{&kText, &words}},
                                    {{&kPose, &series_}},
                                    {{&kImu, &vector_}},
                                    {{&kAudio, &grey_}},
                                    {}};
  for (size_t i = 0; i < bad.size(); ++i) {
    std::vector<float> out(16);
    EXPECT_EQ(encoder->Embed(std::span(&bad[i], 1), out).code(), absl::StatusCode::kInvalidArgument)
        << i;
  }
}

TEST_F(EncoderTest, ThreadsThatMeetANewModalityAtOnceAgree) {
  const auto encoder = Make();
  std::vector<std::vector<float>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) {
    threads.emplace_back([&] {
      SetComputeThreads(1);
      result = Embed(*encoder, all_);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

TEST(ModelConfigTest, PresetsGrowAndOthersAreRefused) {
  uint64_t last = 0;
  for (const char* preset : {"nano", "small", "base"}) {
    const auto config = ModelConfigOf(preset, 3);
    ASSERT_TRUE(config.ok());
    const uint64_t count = Make(*config)->parameter_count();
    EXPECT_GT(count, 3 * last) << preset;
    last = count;
  }
  EXPECT_EQ(ModelConfigOf("huge", 3).status().code(), absl::StatusCode::kInvalidArgument);
  ModelConfig odd = TinyModel();
  odd.heads = 3;
  EXPECT_EQ(Encoder::Create(odd).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mixmatch
