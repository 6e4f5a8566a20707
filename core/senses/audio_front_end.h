// Sound → [T, 64] quantised log-mel frames: the fixed front end of audio.
//
// Takes mono samples at 16 kHz from core/media; gives features to storage and core/encoder. Does
// not decode or resample.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/senses/features.h"

namespace mixmatch {

inline constexpr uint32_t kAudioRateHz = 16000;
inline constexpr uint32_t kMelBins = 64;
// 10 s at one frame every 10 ms; longer sound gets coarser frames.
inline constexpr uint32_t kAudioFramesMax = 1000;

// Decoded sound: one channel at kAudioRateHz, full scale is [-1, 1].
struct Waveform {
  std::vector<float> samples;
};

// Log-mel spectrogram:
//   pre-emphasis 0.97; frames of 25 ms (Hann) every 10 ms, the last one padded with silence, so
//   that every sample counts; power spectrum of 512 points; 64 triangular bands evenly spaced in
//   mel from 60 to 7,600 Hz, each the weighted mean of its bins; where there are more than
//   kAudioFramesMax frames, the mean of each g neighbours with the smallest g that is enough.
//   Then decibels below the loudest cell of the clip, from -80 (0) to 0 (255), so that volume does
//   not matter. A clip whose loudest cell is below -90 dB of full scale is measured against that
//   instead: noise of a silent converter must not look like a signal.
//
// `content` is left for the caller. INVALID_ARGUMENT (field "audio.data") without samples or when
// one is not finite. About 3 us a frame. Thread-safe.
absl::StatusOr<Features> AudioFeatures(const Waveform& waveform);

}  // namespace mixmatch
