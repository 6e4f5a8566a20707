// Times are scaled to [0, 1] first, so that neither huge nor tiny ones lose precision.
// Letters: T samples sent, S samples made, C channels.
#include "core/senses/series_front_end.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

bool AllFinite(const auto& values) {
  return std::all_of(values.begin(), values.end(), [](auto v) { return std::isfinite(v); });
}

// The straight lines between one channel's samples.
class Line {
 public:
  // Borrows: moments [T] in [0, 1], rising; values of the channel at values[t * stride + offset].
  Line(std::span<const double> moments, std::span<const float> values, size_t stride, size_t offset)
      : moments_(moments), values_(values), stride_(stride), offset_(offset) {}

  double At(double moment) {
    Seek(moment);
    const double width = moments_[t_ + 1] - moments_[t_];
    const double share = width > 0 ? (moment - moments_[t_]) / width : 1.0;
    return std::lerp(Value(t_), Value(t_ + 1), std::clamp(share, 0.0, 1.0));
  }

  // Mean over [begin, end], begin < end.
  double Mean(double begin, double end) {
    double sum = 0;
    double at = begin;
    double value = At(begin);
    // Whole pieces up to the last bend before `end`; trapezoids are exact on straight lines.
    while (t_ + 2 < moments_.size() && moments_[t_ + 1] < end) {
      ++t_;
      sum += (moments_[t_] - at) * (0.5 * value + 0.5 * Value(t_));
      at = moments_[t_];
      value = Value(t_);
    }
    sum += (end - at) * (0.5 * value + 0.5 * At(end));
    return sum / (end - begin);
  }

 private:
  double Value(size_t t) const { return values_[t * stride_ + offset_]; }

  // Moves to the piece that holds `moment`.
  void Seek(double moment) {
    while (t_ > 0 && moments_[t_] > moment) --t_;
    while (t_ + 2 < moments_.size() && moments_[t_ + 1] < moment) ++t_;
  }

  std::span<const double> moments_;
  std::span<const float> values_;
  size_t stride_;
  size_t offset_;
  size_t t_ = 0;
};

absl::Status Check(const SeriesPayload& series, size_t channels) {
  const size_t samples = series.values.size() / channels;
  if (series.values.size() % channels != 0 || samples < 2) {
    return InvalidField("series.values",
                        absl::StrCat("series refused: ", series.values.size(), " numbers for ",
                                     channels, " channels; send at least 2 whole samples"));
  }
  if (!AllFinite(series.values)) {
    return InvalidField("series.values",
                        "series refused: a number is not finite; leave such samples out");
  }
  if (series.times_s.empty()) return absl::OkStatus();
  const bool rising =
      std::adjacent_find(series.times_s.begin(), series.times_s.end(),
                         [](double a, double b) { return !(a < b); }) == series.times_s.end();
  if (series.times_s.size() != samples || !rising || !AllFinite(series.times_s) ||
      !std::isfinite(series.times_s.back() - series.times_s.front())) {
    return InvalidField("series.times_s",
                        absl::StrCat("series refused: ", series.times_s.size(), " times for ",
                                     samples, " samples; send one each, finite and rising"));
  }
  return absl::OkStatus();
}

// When each sample is, from 0 to 1.
std::vector<double> Moments(const SeriesPayload& series, size_t samples) {
  std::vector<double> moments(samples);
  for (size_t t = 0; t < samples; ++t) {
    moments[t] = series.times_s.empty() ? static_cast<double>(t) / static_cast<double>(samples - 1)
                                        : (series.times_s[t] - series.times_s.front()) /
                                              (series.times_s.back() - series.times_s.front());
  }
  return moments;
}

}  // namespace

absl::StatusOr<Features> SeriesFeatures(const SeriesPayload& series) {
  const size_t channels = std::max<uint32_t>(1, series.channel_count);
  MM_RETURN_IF_ERROR(Check(series, channels));
  const std::vector<double> moments = Moments(series, series.values.size() / channels);
  const double step = 1.0 / (kSeriesSamples - 1);
  std::vector<float> values(kSeriesSamples * channels);
  for (size_t c = 0; c < channels; ++c) {
    Line line(moments, series.values, channels, c);
    for (uint32_t s = 0; s < kSeriesSamples; ++s) {
      const double at = s * step;
      const double value =
          moments.size() <= kSeriesSamples
              ? line.At(at)
              : line.Mean(std::max(0.0, at - step / 2), std::min(1.0, at + step / 2));
      values[s * channels + c] = static_cast<float>(value);
    }
  }
  Features features{.kind = PayloadKind::kSeries, .content = {}, .shape = {}, .bytes = {}};
  features.shape = {kSeriesSamples, static_cast<uint32_t>(channels)};
  features.SetValues<float>(values);
  return features;
}

}  // namespace mixmatch
