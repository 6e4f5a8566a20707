// Sound: every way it is decoded, and every way it may be broken.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "core/base/status.h"
#include "core/media/decode_audio.h"
#include "tests/core/media/encode.h"
#include "tests/core/media/files.h"

namespace mixmatch {
namespace {

using testing::Le16;
using testing::Le32;
using testing::SineFile;
using testing::SineL16;
using testing::Wav;
using testing::WavFormat;

absl::StatusOr<Waveform> Decode(std::string data, std::string media_type = "") {
  return DecodeAudio({.data = std::move(data), .media_type = std::move(media_type)}, {});
}

void ExpectRefused(const std::string& what, const absl::Status& status, const std::string& field,
                   const std::string& words = "") {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << what << ": " << status;
  EXPECT_EQ(FieldOf(status), field) << what;
  EXPECT_NE(status.message().find(words), absl::string_view::npos)
      << what << ": " << status.message();
}

// Share of the energy that is at `hz`, by correlation.
double ShareAt(const std::vector<float>& samples, double hz) {
  double re = 0, im = 0, energy = 1e-12;
  for (size_t n = 0; n < samples.size(); ++n) {
    const double phase = 2 * std::numbers::pi * hz * static_cast<double>(n) / kAudioRateHz;
    re += samples[n] * std::cos(phase);
    im += samples[n] * std::sin(phase);
    energy += static_cast<double>(samples[n]) * samples[n];
  }
  return 2 * (re * re + im * im) / (energy * static_cast<double>(samples.size()));
}

double Peak(const std::vector<float>& samples) {
  float peak = 0;
  for (const float v : samples) peak = std::max(peak, std::abs(v));
  return peak;
}

void ExpectSine(const std::string& what, const absl::StatusOr<Waveform>& waveform, double hz,
                double seconds, double slack_s = 0.0001) {
  ASSERT_TRUE(waveform.ok()) << what << ": " << waveform.status();
  EXPECT_NEAR(static_cast<double>(waveform->samples.size()) / kAudioRateHz, seconds, slack_s)
      << what;
  EXPECT_GT(ShareAt(waveform->samples, hz), 0.95) << what;
  EXPECT_NEAR(Peak(waveform->samples), 0.5, 0.06) << what;
}

TEST(DecodeAudioTest, WavAtTheRateOfTheFrontEndIsExact) {
  std::string samples;
  for (const int v : {0, 1, -1, 32767, -32768}) samples += Le16(static_cast<uint32_t>(v) & 0xFFFF);
  const auto waveform = Decode(Wav({.rate_hz = 16000}, samples), "audio/wav");
  ASSERT_TRUE(waveform.ok()) << waveform.status();
  EXPECT_EQ(waveform->samples,
            (std::vector<float>{0, 1.0f / 32768, -1.0f / 32768, 32767.0f / 32768, -1}));
}

TEST(DecodeAudioTest, EveryRateIsResampled) {
  for (const uint32_t rate : {1000u, 8000u, 11025u, 16000u, 22050u, 44100u, 48000u, 192000u}) {
    ExpectSine(std::to_string(rate), Decode(Wav({.rate_hz = rate}, SineL16(100, rate, rate / 2))),
               100, 0.5);
  }
}

TEST(DecodeAudioTest, ResamplingKeepsOutWhatIsAboveTheNewRate) {
  const auto waveform = Decode(Wav({.rate_hz = 48000}, SineL16(11000, 48000, 24000)));
  ASSERT_TRUE(waveform.ok());
  // But for the clip's ends, where the tone sets in.
  std::vector<float> middle(waveform->samples.begin() + 500, waveform->samples.end() - 500);
  EXPECT_LT(Peak(middle), 0.01);
}

TEST(DecodeAudioTest, EveryWidthOfPcmIsDecoded) {
  std::string u8, s24, s32, f32, f64;
  for (int n = 0; n < 4000; ++n) {
    const double v = 0.5 * std::sin(2 * std::numbers::pi * 440 * n / 8000);
    u8 += static_cast<char>(std::lround(128 + 127 * v));
    s24 += Le32(static_cast<uint32_t>(std::lround(v * 8388607))).substr(0, 3);
    s32 += Le32(static_cast<uint32_t>(std::lround(v * 2147483647)));
    const auto single = static_cast<float>(v);
    f32.append(reinterpret_cast<const char*>(&single), 4);
    f64.append(reinterpret_cast<const char*>(&v), 8);
  }
  ExpectSine("u8", Decode(Wav({.bits = 8}, u8)), 440, 0.5);
  ExpectSine("s24", Decode(Wav({.bits = 24}, s24)), 440, 0.5);
  ExpectSine("s32", Decode(Wav({.bits = 32}, s32)), 440, 0.5);
  ExpectSine("f32", Decode(Wav({.tag = 3, .bits = 32}, f32)), 440, 0.5);
  ExpectSine("f64", Decode(Wav({.tag = 3, .bits = 64}, f64)), 440, 0.5);
}

TEST(DecodeAudioTest, ChannelsAreAveraged) {
  std::string samples;
  for (int n = 0; n < 100; ++n) {
    samples += Le16(8192) + Le16(16384) + Le16(0) + Le16(static_cast<uint32_t>(-8192) & 0xFFFF);
  }
  const auto file = Decode(Wav({.channels = 4, .rate_hz = 16000}, samples));
  const auto bare = DecodeAudio(
      {.data = samples, .media_type = "audio/l16", .sample_rate_hz = 16000, .channel_count = 4},
      {});
  ASSERT_TRUE(file.ok() && bare.ok()) << file.status() << bare.status();
  EXPECT_EQ(file->samples, std::vector<float>(100, 0.125f));
  EXPECT_EQ(bare->samples, file->samples);
}

TEST(DecodeAudioTest, BareSamplesAreDecoded) {
  ExpectSine(
      "l16",
      DecodeAudio(
          {.data = SineL16(440, 8000, 4000), .media_type = "audio/l16", .sample_rate_hz = 8000},
          {}),
      440, 0.5);
  const float values[] = {0.25f, -0.5f, 1.5f};
  const auto f32 = DecodeAudio({.data = std::string(reinterpret_cast<const char*>(values), 12),
                                .media_type = "audio/f32",
                                .sample_rate_hz = 16000},
                               {});
  ASSERT_TRUE(f32.ok()) << f32.status();
  EXPECT_EQ(f32->samples, (std::vector<float>{0.25f, -0.5f, 1.5f}));
}

struct Coding {
  const char* muxer;
  const char* encoder;
  const char* media_type;
  int rate_hz;
  double slack_s;
};

TEST(DecodeAudioTest, CompressedFilesAreDecoded) {
  int decoded = 0;
  for (const Coding& c : {Coding{"flac", "flac", "audio/flac", 44100, 0.0001},
                          Coding{"mp3", "libmp3lame", "audio/mpeg", 44100, 0.08},
                          Coding{"ogg", "libvorbis", "audio/ogg", 44100, 0.08},
                          Coding{"ogg", "libopus", "audio/ogg", 48000, 0.08},
                          Coding{"ogg", "flac", "audio/ogg", 44100, 0.0001}}) {
    const std::string file = SineFile(c.muxer, c.encoder, 440, c.rate_hz, c.rate_hz / 2);
    if (file.empty()) continue;  // an encoder that this libav was built without
    ++decoded;
    ExpectSine(c.encoder, Decode(file, c.media_type), 440, 0.5, c.slack_s);
    ExpectSine(c.encoder, Decode(file), 440, 0.5, c.slack_s);
  }
  EXPECT_GE(decoded, 2) << "FLAC's encoder is a part of libav itself";
}

TEST(DecodeAudioTest, TruncatedCompressedFilesAreRefused) {
  const std::string flac = SineFile("flac", "flac", 440, 16000, 16000);
  const std::string ogg = SineFile("ogg", "flac", 440, 16000, 16000);
  ASSERT_FALSE(flac.empty());
  ASSERT_FALSE(ogg.empty());
  for (size_t size = 0; size < flac.size(); size += 1 + flac.size() / 50) {
    ExpectRefused("flac of " + std::to_string(size), Decode(flac.substr(0, size)).status(),
                  "audio.data");
  }
  for (size_t size = 0; size < ogg.size(); size += 1 + ogg.size() / 50) {
    ExpectRefused("ogg of " + std::to_string(size), Decode(ogg.substr(0, size)).status(),
                  "audio.data");
  }
}

TEST(DecodeAudioTest, DamagedFlacIsRefused) {
  const std::string flac = SineFile("flac", "flac", 440, 16000, 16000);
  const size_t first_frame = flac.find("\xFF\xF8");  // behind padding, where nothing is lost
  ASSERT_LT(first_frame, flac.size());
  for (size_t at = first_frame; at < flac.size(); at += 97) {
    std::string broken = flac;
    broken[at] = static_cast<char>(broken[at] ^ 0x04);
    ExpectRefused("byte " + std::to_string(at), Decode(broken).status(), "audio.data");
  }
}

TEST(DecodeAudioTest, TagsInFrontAreSkipped) {
  const std::string mp3 = SineFile("mp3", "libmp3lame", 440, 44100, 22050);
  // 1,000 bytes of tag: 7 and 104 in base 128.
  const std::string tag = std::string("ID3\x04\0\0\0\0\x07\x68", 10) + std::string(1000, 'x');
  if (!mp3.empty()) ExpectSine("mp3", Decode(tag + mp3), 440, 0.5, 0.08);
  ExpectRefused("tag alone", Decode(tag).status(), "audio.data", "declares 1010");
}

TEST(DecodeAudioTest, HeaderThatDeclaresThreeGigabytesIsRefused) {
  std::string file = Wav({}, SineL16(440, 8000, 100));
  file.replace(40, 4, Le32(3'000'000'000));
  ExpectRefused("3 GB", Decode(file).status(), "audio.data",
                "declares 3000000000 bytes of samples but 200 are there");
}

TEST(DecodeAudioTest, StreamedWavLastsUntilItsEnd) {
  std::string file = Wav({}, SineL16(440, 8000, 4000));
  file.replace(4, 4, Le32(0xFFFFFFFF)).replace(40, 4, Le32(0xFFFFFFFF));
  ExpectSine("streamed", Decode(file), 440, 0.5);
}

TEST(DecodeAudioTest, EveryTruncationOfAWavIsRefused) {
  const std::string file = Wav({}, SineL16(440, 8000, 50));
  for (size_t size = 0; size < file.size(); ++size) {
    ExpectRefused(std::to_string(size) + " bytes", Decode(file.substr(0, size)).status(),
                  "audio.data");
  }
}

TEST(DecodeAudioTest, DamagedWavHeadersNeverHurt) {
  const std::string file = Wav({}, SineL16(440, 8000, 50));
  for (size_t at = 0; at < 44; ++at) {
    for (const int flip : {0x01, 0x10, 0x80, 0xFF}) {
      std::string broken = file;
      broken[at] = static_cast<char>(broken[at] ^ flip);
      const auto waveform = Decode(broken);
      if (!waveform.ok()) {
        ExpectRefused("byte " + std::to_string(at), waveform.status(), "audio.data");
      }
    }
  }
}

TEST(DecodeAudioTest, SilentHeadersAreRefused) {
  ExpectRefused("no samples", Decode(Wav({}, "")).status(), "audio.data", "no samples");
  ExpectRefused("no channels", Decode(Wav({.channels = 0}, "xxxx")).status(), "audio.data");
  ExpectRefused("no rate", Decode(Wav({.rate_hz = 0}, "xxxx")).status(), "audio.data");
  ExpectRefused("slow", Decode(Wav({.rate_hz = 999}, "xxxx")).status(), "audio.data", "999");
  ExpectRefused("9 channels", Decode(Wav({.channels = 9}, std::string(180, 'x'))).status(),
                "audio.data", "9 channels");
  ExpectRefused("ADPCM", Decode(Wav({.tag = 2, .bits = 4}, std::string(180, 'x'))).status(),
                "audio.data", "not supported");
}

TEST(DecodeAudioTest, NumbersThatAreNotFiniteAreRefused) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const float values[] = {0, bad, 0};
    const std::string bytes(reinterpret_cast<const char*>(values), sizeof(values));
    ExpectRefused(
        "bare",
        DecodeAudio({.data = bytes, .media_type = "audio/f32", .sample_rate_hz = 16000}, {})
            .status(),
        "audio.data", "not finite");
    ExpectRefused("WAV", Decode(Wav({.tag = 3, .bits = 32}, bytes)).status(), "audio.data",
                  "not finite");
  }
}

TEST(DecodeAudioTest, LengthLimitIsInclusive) {
  const SenseLimits limits{.audio_seconds_max = 0.5};
  for (const bool over : {false, true}) {
    const std::string samples = SineL16(440, 8000, over ? 4001 : 4000);
    const absl::Status file = DecodeAudio({.data = Wav({}, samples)}, limits).status();
    const absl::Status bare =
        DecodeAudio({.data = samples, .media_type = "audio/l16", .sample_rate_hz = 8000}, limits)
            .status();
    if (over) {
      ExpectRefused("file", file, "audio.data", "longer than 0.5 s");
      ExpectRefused("bare", bare, "audio.data", "longer than 0.5 s");
    } else {
      EXPECT_TRUE(file.ok() && bare.ok()) << file << bare;
    }
  }
}

TEST(DecodeAudioTest, FormatAndMediaTypeMustAgree) {
  const std::string wav = Wav({}, SineL16(440, 8000, 100));
  ExpectRefused("WAV as FLAC", Decode(wav, "audio/flac").status(), "audio.data", "audio/flac");
  ExpectRefused("unknown type", Decode(wav, "audio/midi").status(), "audio.media_type",
                "audio/midi");
  ExpectRefused("no sound", Decode("hello").status(), "audio.data", "no known format");
  ExpectRefused("playlist", Decode("#EXTM3U\nfile:///etc/passwd\n").status(), "audio.data");
}

TEST(DecodeAudioTest, RefusalsOfBareSamplesNameTheField) {
  const auto bare = [](size_t bytes, uint32_t rate_hz, uint32_t channels) {
    return DecodeAudio({.data = std::string(bytes, 'x'),
                        .media_type = "audio/l16",
                        .sample_rate_hz = rate_hz,
                        .channel_count = channels},
                       {})
        .status();
  };
  ExpectRefused("no rate", bare(4, 0, 1), "audio.sample_rate_hz");
  ExpectRefused("fast", bare(4, 192001, 1), "audio.sample_rate_hz");
  ExpectRefused("9 channels", bare(18, 8000, 9), "audio.channel_count");
  ExpectRefused("half a sample", bare(3, 8000, 1), "audio.data", "multiple of 2");
  ExpectRefused("nothing", bare(0, 8000, 1), "audio.data", "no samples");
}

}  // namespace
}  // namespace mixmatch
