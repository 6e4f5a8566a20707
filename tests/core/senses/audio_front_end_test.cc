// The log-mel spectrogram against a naive one in double precision, and what it promises.
#include "core/senses/audio_front_end.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "core/base/status.h"
#include "core/senses/power_spectrum.h"

namespace mixmatch {
namespace {

constexpr double kPi = std::numbers::pi;

std::vector<float> Sine(double hz, size_t count, double amplitude = 0.5) {
  std::vector<float> samples(count);
  for (size_t n = 0; n < count; ++n) {
    samples[n] =
        static_cast<float>(amplitude * std::sin(2 * kPi * hz * static_cast<double>(n) / 16000));
  }
  return samples;
}

std::vector<float> Noise(size_t count) {
  std::vector<float> samples(count);
  uint32_t state = 1;
  for (float& sample : samples) {
    state = state * 1664525 + 1013904223;
    sample = static_cast<float>(state >> 8) / static_cast<float>(1 << 24) - 0.5f;
  }
  return samples;
}

Features FeaturesOf(std::vector<float> samples) {
  auto features = AudioFeatures({std::move(samples)});
  EXPECT_TRUE(features.ok()) << features.status();
  return features.ok() ? *features : Features{};
}

double Mel(double hz) { return 2595 * std::log10(1 + hz / 700); }
double Hz(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }
// Centre of mel band m; m = -1 and 64 are the outer edges.
double Centre(int m) { return Hz(Mel(60) + (m + 1) * (Mel(7600) - Mel(60)) / 65); }

size_t LoudestBin(const Features& features, size_t frame) {
  const std::vector<uint8_t> values = features.Values<uint8_t>();
  const auto row = values.begin() + static_cast<std::ptrdiff_t>(frame * 64);
  return static_cast<size_t>(std::max_element(row, row + 64) - row);
}

// One frame's band powers by the definition.
std::array<double, 64> NaiveBands(const std::vector<float>& samples, size_t begin) {
  std::array<double, 512> frame{};
  for (size_t i = 0; i < 400 && begin + i < samples.size(); ++i) {
    const size_t at = begin + i;
    const double window = 0.5 - 0.5 * std::cos(2 * kPi * (static_cast<double>(i) + 0.5) / 400);
    frame[i] = window * (samples[at] - 0.97 * samples[at == 0 ? 0 : at - 1]);
  }
  std::array<double, 64> bands{};
  std::array<double, 64> weights{};
  for (size_t k = 0; k <= 256; ++k) {
    std::complex<double> sum = 0;
    for (size_t n = 0; n < 512; ++n) {
      sum += frame[n] * std::polar(1.0, -2 * kPi * static_cast<double>(k * n % 512) / 512);
    }
    const double hz = static_cast<double>(k) * 31.25;
    for (int m = 0; m < 64; ++m) {
      const double rising = (hz - Centre(m - 1)) / (Centre(m) - Centre(m - 1));
      const double falling = (Centre(m + 1) - hz) / (Centre(m + 1) - Centre(m));
      const double weight = std::max(0.0, std::min(rising, falling));
      bands[static_cast<size_t>(m)] += weight * std::norm(sum);
      weights[static_cast<size_t>(m)] += weight;
    }
  }
  for (size_t m = 0; m < 64; ++m) bands[m] /= weights[m];
  return bands;
}

TEST(AudioFrontEndTest, PowerSpectrumEqualsTheNaiveTransform) {
  std::array<float, kFftPoints> frame{};
  const std::vector<float> noise = Noise(kFftPoints);
  std::copy(noise.begin(), noise.end(), frame.begin());
  std::array<float, kFftBins> power{};
  PowerSpectrum(frame, power);
  for (size_t k = 0; k < kFftBins; ++k) {
    std::complex<double> sum = 0;
    for (size_t n = 0; n < kFftPoints; ++n) {
      sum += static_cast<double>(frame[n]) *
             std::polar(1.0, -2 * kPi * static_cast<double>(k * n % kFftPoints) / kFftPoints);
    }
    ASSERT_NEAR(power[k], std::norm(sum), 1e-4 * (1 + std::norm(sum))) << "bin " << k;
  }
}

TEST(AudioFrontEndTest, EqualsTheNaiveLogMel) {
  std::vector<float> samples = Noise(2000);
  const std::vector<float> tone = Sine(700, 2000);
  for (size_t n = 0; n < samples.size(); ++n) samples[n] = 0.02f * samples[n] + tone[n];
  const Features features = FeaturesOf(samples);
  ASSERT_EQ(features.shape, (std::vector<uint32_t>{11, 64}));  // 1 + 1600 / 160
  std::vector<std::array<double, 64>> frames;
  double loudest = 0;
  for (size_t t = 0; t < 11; ++t) {
    frames.push_back(NaiveBands(samples, 160 * t));
    loudest = std::max(loudest, *std::max_element(frames[t].begin(), frames[t].end()));
  }
  const std::vector<uint8_t> values = features.Values<uint8_t>();
  for (size_t t = 0; t < 11; ++t) {
    for (size_t m = 0; m < 64; ++m) {
      const double db = 10 * std::log10(frames[t][m] / loudest);
      ASSERT_NEAR(values[t * 64 + m], std::max(0.0, 255 * (1 + db / 80)), 0.6) << t << " " << m;
    }
  }
  EXPECT_EQ(*std::max_element(values.begin(), values.end()), 255);
}

TEST(AudioFrontEndTest, EverySampleIsInAFrame) {
  EXPECT_EQ(FeaturesOf(Noise(1)).shape[0], 1u);
  EXPECT_EQ(FeaturesOf(Noise(400)).shape[0], 1u);
  EXPECT_EQ(FeaturesOf(Noise(401)).shape[0], 2u);
  EXPECT_EQ(FeaturesOf(Noise(560)).shape[0], 2u);
  EXPECT_EQ(FeaturesOf(Noise(561)).shape[0], 3u);
}

TEST(AudioFrontEndTest, ToneIsLoudestInItsBand) {
  for (const int m : {5, 20, 40, 60}) {
    EXPECT_EQ(LoudestBin(FeaturesOf(Sine(Centre(m), 8000)), 10), static_cast<size_t>(m));
  }
}

TEST(AudioFrontEndTest, VolumeDoesNotMatter) {
  std::vector<float> samples = Noise(4000);
  const std::vector<uint8_t> loud = FeaturesOf(samples).Values<uint8_t>();
  for (float& sample : samples) sample *= 0.0625f;
  EXPECT_EQ(FeaturesOf(samples).Values<uint8_t>(), loud);
}

TEST(AudioFrontEndTest, SilenceAndConverterNoiseAreSilent) {
  EXPECT_EQ(FeaturesOf(std::vector<float>(1600)).Values<uint8_t>(),
            std::vector<uint8_t>(8 * 64 + 64, 0));
  std::vector<float> noise = Noise(1600);
  for (float& sample : noise) sample *= 1.0f / 32768;
  const std::vector<uint8_t> values = FeaturesOf(noise).Values<uint8_t>();
  EXPECT_LT(*std::max_element(values.begin(), values.end()), 200);
}

TEST(AudioFrontEndTest, LongSoundGetsCoarserFrames) {
  // 12 s: a high tone, then a low one; 1,199 frames, two by two.
  std::vector<float> samples = Sine(Centre(50), 96000);
  const std::vector<float> low = Sine(Centre(10), 96000);
  samples.insert(samples.end(), low.begin(), low.end());
  const Features features = FeaturesOf(samples);
  ASSERT_EQ(features.shape, (std::vector<uint32_t>{600, 64}));
  EXPECT_EQ(LoudestBin(features, 100), 50u);
  EXPECT_EQ(LoudestBin(features, 500), 10u);
}

TEST(AudioFrontEndTest, SamplesBeyondFullScaleDoNotOverflow) {
  std::vector<float> samples(400);
  for (size_t n = 0; n < samples.size(); ++n) samples[n] = n % 2 == 0 ? 3e38f : -3e38f;
  const std::vector<uint8_t> huge = FeaturesOf(samples).Values<uint8_t>();
  EXPECT_EQ(*std::max_element(huge.begin(), huge.end()), 255);
}

TEST(AudioFrontEndTest, RefusesNothingAndWhatIsNotFinite) {
  for (const std::vector<float>& bad :
       {std::vector<float>{}, std::vector<float>{0, std::numeric_limits<float>::quiet_NaN()},
        std::vector<float>{std::numeric_limits<float>::infinity()}}) {
    const auto features = AudioFeatures({bad});
    EXPECT_EQ(features.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(FieldOf(features.status()), "audio.data");
  }
}

}  // namespace
}  // namespace mixmatch
