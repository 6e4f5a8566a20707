// Sound files and bare samples → Waveform.
//
// Takes what a client sent; gives samples to core/senses.
#pragma once

#include "absl/status/statusor.h"
#include "core/base/event.h"
#include "core/media/sense_limits.h"
#include "core/senses/audio_front_end.h"

namespace mixmatch {

// Decodes WAV (PCM, A-law, mu-law), FLAC, MP3, OGG (Vorbis, Opus, FLAC; any named by the media type
// or detected), or bare "audio/l16" and "audio/f32"; the mean of all channels, at kAudioRateHz.
//
// INVALID_ARGUMENT, naming audio.data, audio.media_type, audio.sample_rate_hz or
// audio.channel_count: unknown format, damaged or cut off, no samples, one not finite, a rate
// outside 1,000 to 192,000 Hz, more than 8 channels, longer than audio_seconds_max. Thread-safe.
absl::StatusOr<Waveform> DecodeAudio(const AudioPayload& audio, const SenseLimits& limits);

}  // namespace mixmatch
