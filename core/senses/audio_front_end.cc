// Letters: T frames, M mel bands.
#include "core/senses/audio_front_end.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/base/status.h"
#include "core/senses/power_spectrum.h"

namespace mixmatch {
namespace {

constexpr size_t kWindow = kAudioRateHz / 40;  // 25 ms
constexpr size_t kHop = kAudioRateHz / 100;    // 10 ms
constexpr float kPreEmphasis = 0.97f;
constexpr double kLowHz = 60;
constexpr double kHighHz = 7600;
constexpr float kRangeDb = 80;
constexpr float kQuietest = 1e-9f;  // -90 dB of a full-scale sine

double MelOf(double hz) { return 2595 * std::log10(1 + hz / 700); }
double HzOf(double mel) { return 700 * (std::pow(10, mel / 2595) - 1); }

// One band: weights of the bins from `first` on, adding up to 1.
struct Band {
  size_t first = 0;
  std::vector<float> weights;
};

struct Tables {
  std::array<float, kWindow> window{};
  std::array<Band, kMelBins> bands;

  Tables() {
    double sum = 0;
    for (size_t n = 0; n < kWindow; ++n) {
      const double phase = 2 * std::numbers::pi * (static_cast<double>(n) + 0.5) / kWindow;
      window[n] = static_cast<float>(0.5 - 0.5 * std::cos(phase));
      sum += window[n];
    }
    // A full-scale sine then has power 1 in its bin.
    for (float& w : window) w = static_cast<float>(w * 2 / sum);
    for (size_t m = 0; m < kMelBins; ++m) bands[m] = MakeBand(m);
  }

  static Band MakeBand(size_t m) {
    const double step = (MelOf(kHighHz) - MelOf(kLowHz)) / (kMelBins + 1);
    const auto edge = [&](size_t i) { return HzOf(MelOf(kLowHz) + static_cast<double>(i) * step); };
    const double low = edge(m);
    const double centre = edge(m + 1);
    const double high = edge(m + 2);
    Band band;
    double sum = 0;
    for (size_t k = 0; k < kFftBins; ++k) {
      const double hz = static_cast<double>(k) * kAudioRateHz / kFftPoints;
      if (hz <= low || hz >= high) continue;
      const double weight =
          hz < centre ? (hz - low) / (centre - low) : (high - hz) / (high - centre);
      if (band.weights.empty()) band.first = k;
      band.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& w : band.weights) w = static_cast<float>(w / sum);
    return band;
  }
};

const Tables& SharedTables() {
  static const Tables kTables;
  return kTables;
}

// Power of every band in every frame, [T, M].
std::vector<float> MelPower(const std::vector<float>& samples, float gain) {
  const Tables& tables = SharedTables();
  const size_t n = samples.size();
  const size_t frames = n <= kWindow ? 1 : 1 + (n - kWindow + kHop - 1) / kHop;
  std::vector<float> mel(frames * kMelBins);
  std::array<float, kFftPoints> frame{};
  std::array<float, kFftBins> power{};
  for (size_t t = 0; t < frames; ++t) {
    const size_t begin = t * kHop;
    const size_t present = std::min(kWindow, n - begin);
    for (size_t i = 0; i < present; ++i) {
      const size_t at = begin + i;
      const float before = at == 0 ? samples[0] : samples[at - 1];
      frame[i] = tables.window[i] * (gain * samples[at] - kPreEmphasis * (gain * before));
    }
    std::fill(frame.begin() + static_cast<std::ptrdiff_t>(present), frame.end(), 0.0f);
    PowerSpectrum(frame, power);
    for (size_t m = 0; m < kMelBins; ++m) {
      const Band& band = tables.bands[m];
      float sum = 0;
      for (size_t i = 0; i < band.weights.size(); ++i) {
        sum += band.weights[i] * power[band.first + i];
      }
      mel[t * kMelBins + m] = sum;
    }
  }
  return mel;
}

// Means of each `group` neighbouring frames; the last group may be smaller.
std::vector<float> GroupFrames(const std::vector<float>& mel, size_t group) {
  const size_t frames = mel.size() / kMelBins;
  std::vector<float> grouped((frames + group - 1) / group * kMelBins);
  for (size_t t = 0; t < frames; ++t) {
    const size_t begin = t / group * group;
    const auto members = static_cast<float>(std::min(group, frames - begin));
    for (size_t m = 0; m < kMelBins; ++m) {
      grouped[t / group * kMelBins + m] += mel[t * kMelBins + m] / members;
    }
  }
  return grouped;
}

}  // namespace

absl::StatusOr<Features> AudioFeatures(const Waveform& waveform) {
  if (waveform.samples.empty()) {
    return InvalidField("audio.data", "sound refused: no samples; send at least one");
  }
  float peak = 0;
  for (const float sample : waveform.samples) {
    if (!std::isfinite(sample)) {
      return InvalidField("audio.data", "sound refused: a sample is not finite; repair the source");
    }
    peak = std::max(peak, std::abs(sample));
  }
  // Samples beyond full scale are scaled back, so that no square overflows.
  std::vector<float> mel = MelPower(waveform.samples, peak > 1 ? 1 / peak : 1.0f);
  const size_t frames = mel.size() / kMelBins;
  if (frames > kAudioFramesMax) {
    mel = GroupFrames(mel, (frames + kAudioFramesMax - 1) / kAudioFramesMax);
  }
  const float loudest = std::max(kQuietest, *std::max_element(mel.begin(), mel.end()));
  std::vector<uint8_t> cells(mel.size());
  std::transform(mel.begin(), mel.end(), cells.begin(), [&](float power) {
    const float db = 10 * std::log10(std::max(power / loudest, 1e-12f));
    return static_cast<uint8_t>(std::lround(255 * std::max(0.0f, 1 + db / kRangeDb)));
  });
  Features features{.kind = PayloadKind::kAudio, .content = {}, .shape = {}, .bytes = {}};
  features.shape = {static_cast<uint32_t>(cells.size() / kMelBins), kMelBins};
  features.SetValues<uint8_t>(cells);
  return features;
}

}  // namespace mixmatch
