// Power spectrum of one audio frame: a real FFT of 512 points.
//
// Serves audio_front_end alone; no general FFT.
#pragma once

#include <array>
#include <cstddef>

namespace mixmatch {

inline constexpr size_t kFftPoints = 512;
inline constexpr size_t kFftBins = kFftPoints / 2 + 1;

// Sets power[k] = |sum over n of frame[n] * exp(-2 pi i k n / 512)|^2. Thread-safe.
void PowerSpectrum(const std::array<float, kFftPoints>& frame, std::array<float, kFftBins>& power);

}  // namespace mixmatch
