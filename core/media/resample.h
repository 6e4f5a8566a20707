// Mono samples at any rate → kAudioRateHz. Serves decode_audio alone.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/senses/audio_front_end.h"

namespace mixmatch {

// Resamples with a low-pass below the lower of both Nyquist rates. `rate_hz` from 1,000 to 192,000,
// samples finite and not empty. INTERNAL when libswresample fails. Thread-safe.
absl::StatusOr<Waveform> ResampleAudio(std::vector<float> samples, uint32_t rate_hz);

}  // namespace mixmatch
