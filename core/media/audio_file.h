// Sound files → mono samples at their own rate. Serves decode_audio alone.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/media/container.h"

namespace mixmatch {

inline constexpr uint32_t kAudioRateMinHz = 1000;
inline constexpr uint32_t kAudioRateMaxHz = 192000;
inline constexpr uint32_t kAudioChannelsMax = 8;

struct DecodedSound {
  std::vector<float> samples;  // mean of all channels
  uint32_t rate_hz = 0;
};

// Demuxes and decodes the first sound of a file in memory with the one demuxer of `format` (not
// kUnknown) and a decoder of the allowed list. Stops as soon as there are more than seconds_max.
// Errors as DecodeAudio's. Thread-safe.
absl::StatusOr<DecodedSound> DecodeSoundFile(std::string_view bytes, AudioFormat format,
                                             double seconds_max);

}  // namespace mixmatch
