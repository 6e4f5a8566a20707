// Bare samples here, files in audio_file; the checks on what came out are the same.
#include "core/media/decode_audio.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/media/audio_file.h"
#include "core/media/container.h"
#include "core/media/resample.h"

namespace mixmatch {
namespace {

static_assert(std::endian::native == std::endian::little, "bare samples are little-endian");

struct NamedFormat {
  std::string_view media_type;
  AudioFormat format;
};

constexpr NamedFormat kFormats[] = {
    {"audio/wav", AudioFormat::kWav},   {"audio/x-wav", AudioFormat::kWav},
    {"audio/wave", AudioFormat::kWav},  {"audio/vnd.wave", AudioFormat::kWav},
    {"audio/flac", AudioFormat::kFlac}, {"audio/x-flac", AudioFormat::kFlac},
    {"audio/mpeg", AudioFormat::kMp3},  {"audio/mp3", AudioFormat::kMp3},
    {"audio/ogg", AudioFormat::kOgg},   {"audio/vorbis", AudioFormat::kOgg},
    {"audio/opus", AudioFormat::kOgg},  {"application/ogg", AudioFormat::kOgg}};

// The format, if the media type and the bytes agree on one.
absl::StatusOr<AudioFormat> FormatOf(const AudioPayload& audio) {
  const AudioFormat detected = DetectAudio(audio.data);
  if (!audio.media_type.empty()) {
    const auto* named = std::find_if(std::begin(kFormats), std::end(kFormats), [&](const auto& f) {
      return f.media_type == audio.media_type;
    });
    if (named == std::end(kFormats)) {
      return InvalidField("audio.media_type",
                          absl::StrCat("sound refused: media type '", audio.media_type,
                                       "' is not supported; send audio/wav, audio/flac, "
                                       "audio/mpeg, audio/ogg, audio/l16 or audio/f32"));
    }
    if (named->format != detected) {
      return InvalidField(
          "audio.data",
          absl::StrCat("sound refused: the ", audio.data.size(), " bytes do not begin as ",
                       audio.media_type, " does; correct the media type, or leave it out"));
    }
  } else if (detected == AudioFormat::kUnknown) {
    return InvalidField("audio.data",
                        absl::StrCat("sound refused: the ", audio.data.size(),
                                     " bytes are of no known format; send WAV, FLAC, MP3 or OGG, "
                                     "or name the media type of bare samples"));
  }
  return detected;
}

// Interleaved little-endian samples → mean of the channels.
template <typename T>
absl::StatusOr<DecodedSound> DecodeBare(const AudioPayload& audio, float scale,
                                        double seconds_max) {
  const uint32_t channels = std::max<uint32_t>(1, audio.channel_count);
  const uint32_t rate_hz = audio.sample_rate_hz;
  if (rate_hz < kAudioRateMinHz || rate_hz > kAudioRateMaxHz) {
    return InvalidField("audio.sample_rate_hz",
                        absl::StrCat("sound refused: ", rate_hz, " samples a second; send ",
                                     kAudioRateMinHz, " to ", kAudioRateMaxHz));
  }
  if (channels > kAudioChannelsMax) {
    return InvalidField(
        "audio.channel_count",
        absl::StrCat("sound refused: ", channels, " channels; send 1 to ", kAudioChannelsMax));
  }
  const size_t stride = sizeof(T) * channels;
  if (audio.data.size() % stride != 0) {
    return InvalidField("audio.data", absl::StrCat("sound refused: ", audio.data.size(),
                                                   " bytes; send a multiple of ", stride));
  }
  const size_t count = audio.data.size() / stride;
  if (static_cast<double>(count) > seconds_max * rate_hz) {
    return InvalidField("audio.data", absl::StrCat("sound refused: longer than ", seconds_max,
                                                   " s; send it in shorter parts"));
  }
  DecodedSound sound{.samples = std::vector<float>(count), .rate_hz = rate_hz};
  for (size_t i = 0; i < count; ++i) {
    float sum = 0;
    for (size_t c = 0; c < channels; ++c) {
      T sample;
      std::memcpy(&sample, audio.data.data() + i * stride + c * sizeof(T), sizeof(T));
      sum += static_cast<float>(sample);
    }
    sound.samples[i] = sum * scale / static_cast<float>(channels);
  }
  return sound;
}

absl::StatusOr<DecodedSound> DecodeFile(const AudioPayload& audio, double seconds_max) {
  MM_ASSIGN_OR_RETURN(const AudioFormat format, FormatOf(audio));
  if (format == AudioFormat::kWav) {
    MM_ASSIGN_OR_RETURN(const std::string plain, PlainWav(audio.data));
    return DecodeSoundFile(plain, format, seconds_max);
  }
  if (format == AudioFormat::kOgg) MM_RETURN_IF_ERROR(CheckOggEnd(audio.data));
  MM_ASSIGN_OR_RETURN(const std::string_view bytes, SkipId3(audio.data));
  return DecodeSoundFile(bytes, format, seconds_max);
}

}  // namespace

absl::StatusOr<Waveform> DecodeAudio(const AudioPayload& audio, const SenseLimits& limits) {
  const double seconds_max = limits.audio_seconds_max;
  absl::StatusOr<DecodedSound> sound =
      audio.media_type == "audio/l16"   ? DecodeBare<int16_t>(audio, 1.0f / 32768, seconds_max)
      : audio.media_type == "audio/f32" ? DecodeBare<float>(audio, 1.0f, seconds_max)
                                        : DecodeFile(audio, seconds_max);
  MM_RETURN_IF_ERROR(sound.status());
  if (sound->samples.empty()) {
    return InvalidField("audio.data", "sound refused: no samples; send at least one");
  }
  if (!std::all_of(sound->samples.begin(), sound->samples.end(),
                   [](float v) { return std::isfinite(v); })) {
    return InvalidField("audio.data", "sound refused: a sample is not finite; repair the source");
  }
  return ResampleAudio(std::move(sound->samples), sound->rate_hz);
}

}  // namespace mixmatch
