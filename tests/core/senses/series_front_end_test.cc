// Resampling of regular and irregular series.
#include "core/senses/series_front_end.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>

#include "core/base/status.h"

namespace mixmatch {
namespace {

std::vector<float> ValuesOf(const SeriesPayload& series) {
  const auto features = SeriesFeatures(series);
  EXPECT_TRUE(features.ok()) << features.status();
  if (!features.ok()) return std::vector<float>(size_t{128} * 8);
  EXPECT_EQ(features->shape[0], 128u);
  return features->Values<float>();
}

TEST(SeriesFrontEndTest, InterpolatesFewSamples) {
  const std::vector<float> values = ValuesOf({.values = {0, 10, -10}, .rate_hz = 7});
  for (size_t s = 0; s < 128; ++s) {
    const double u = 2.0 * static_cast<double>(s) / 127;
    EXPECT_NEAR(values[s], u <= 1 ? 10 * u : 10 - 20 * (u - 1), 1e-4) << s;
  }
}

TEST(SeriesFrontEndTest, AsManySamplesAsAskedForAreKept) {
  SeriesPayload series{.values = {}, .rate_hz = 1};
  for (int i = 0; i < 128; ++i) series.values.push_back(static_cast<float>(i * i % 37));
  const std::vector<float> values = ValuesOf(series);
  for (size_t s = 0; s < 128; ++s) EXPECT_NEAR(values[s], series.values[s], 1e-4);
}

TEST(SeriesFrontEndTest, ChannelsStayApart) {
  const std::vector<float> values =
      ValuesOf({.values = {0, 5, 1, 5, 2, 5}, .channel_count = 2, .rate_hz = 1});
  ASSERT_EQ(values.size(), 256u);
  for (size_t s = 0; s < 128; ++s) {
    EXPECT_NEAR(values[2 * s], 2.0 * static_cast<double>(s) / 127, 1e-5);
    EXPECT_EQ(values[2 * s + 1], 5);
  }
}

TEST(SeriesFrontEndTest, IrregularSamplesOfALineGiveTheLine) {
  SeriesPayload series{.values = {}, .times_s = {-3, -2.9, 0, 0.001, 4, 17}};
  for (const double t : series.times_s) series.values.push_back(static_cast<float>(2 * t + 1));
  const std::vector<float> values = ValuesOf(series);
  for (size_t s = 0; s < 128; ++s) {
    const double t = -3 + 20.0 * static_cast<double>(s) / 127;
    EXPECT_NEAR(values[s], 2 * t + 1, 1e-4) << s;
  }
}

TEST(SeriesFrontEndTest, ManySamplesAreAveragedAsTheNaiveMeanSays) {
  SeriesPayload series{.values = {}, .times_s = {}};
  double at = 0;
  for (int i = 0; i < 1000; ++i) {
    at += 0.5 + (i * 7919 % 101) / 100.0;
    series.times_s.push_back(at);
    series.values.push_back(static_cast<float>(std::sin(at / 60) + (i % 2)));
  }
  const double begin = series.times_s.front(), length = series.times_s.back() - begin;
  const auto line = [&](double t) {
    size_t i = 0;
    while (i + 2 < series.times_s.size() && series.times_s[i + 1] < t) ++i;
    const double share = (t - series.times_s[i]) / (series.times_s[i + 1] - series.times_s[i]);
    return series.values[i] + share * (series.values[i + 1] - series.values[i]);
  };
  const std::vector<float> values = ValuesOf(series);
  for (size_t s = 0; s < 128; s += 9) {
    const double low = std::max(0.0, (static_cast<double>(s) - 0.5) / 127);
    const double high = std::min(1.0, (static_cast<double>(s) + 0.5) / 127);
    double sum = 0;
    constexpr int kPoints = 4000;
    for (int p = 0; p < kPoints; ++p) {
      sum += line(begin + length * (low + (high - low) * (p + 0.5) / kPoints));
    }
    EXPECT_NEAR(values[s], sum / kPoints, 1e-3) << s;
  }
}

TEST(SeriesFrontEndTest, FastAlternationAveragesOut) {
  SeriesPayload series{.values = {}, .rate_hz = 1000};
  for (int i = 0; i < 65536; ++i) series.values.push_back(i % 2 == 0 ? 1.0f : -1.0f);
  for (const float value : ValuesOf(series)) EXPECT_NEAR(value, 0, 0.01);
}

TEST(SeriesFrontEndTest, ExtremesStayFinite) {
  const float huge = std::numeric_limits<float>::max();
  const double tiny = std::numeric_limits<double>::denorm_min();
  for (const SeriesPayload& series :
       {SeriesPayload{.values = {huge, -huge, huge}, .rate_hz = 1e-300},
        SeriesPayload{.values = {huge, -huge, huge}, .times_s = {0, tiny, 2 * tiny}},
        SeriesPayload{.values = {1, 2, 3}, .times_s = {-8e307, -8e307 + 1e300, 8e307}}}) {
    for (const float value : ValuesOf(series)) EXPECT_TRUE(std::isfinite(value));
  }
  SeriesPayload many{.values = std::vector<float>(1000, huge), .rate_hz = 1};
  for (const float value : ValuesOf(many)) EXPECT_TRUE(std::isfinite(value)) << value;
}

TEST(SeriesFrontEndTest, RefusalsNameTheField) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::pair<SeriesPayload, std::string>> cases = {
      {{.values = {}, .rate_hz = 1}, "series.values"},
      {{.values = {1}, .rate_hz = 1}, "series.values"},
      {{.values = {1, 2, 3}, .channel_count = 2, .rate_hz = 1}, "series.values"},
      {{.values = {1, nan}, .rate_hz = 1}, "series.values"},
      {{.values = {1, 2}, .times_s = {2, 1}}, "series.times_s"},
      {{.values = {1, 2}, .times_s = {1}}, "series.times_s"},
      {{.values = {1, 2}, .times_s = {-1.7e308, 1.7e308}}, "series.times_s"}};
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto features = SeriesFeatures(cases[i].first);
    EXPECT_EQ(features.status().code(), absl::StatusCode::kInvalidArgument) << i;
    EXPECT_EQ(FieldOf(features.status()), cases[i].second) << i;
  }
}

}  // namespace
}  // namespace mixmatch
