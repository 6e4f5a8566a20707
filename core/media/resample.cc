// libswresample, one channel of floats in one go.
#include "core/media/resample.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "core/media/libav.h"

namespace mixmatch {
namespace {

absl::Status Failed(int code) {
  return absl::InternalError(
      absl::StrCat("resampling failed: ", libav::ErrorText(code), "; report this as a bug"));
}

}  // namespace

absl::StatusOr<Waveform> ResampleAudio(std::vector<float> samples, uint32_t rate_hz) {
  if (rate_hz == kAudioRateHz) return Waveform{std::move(samples)};
  AVChannelLayout mono{};
  av_channel_layout_default(&mono, 1);
  SwrContext* raw = nullptr;
  int code = swr_alloc_set_opts2(&raw, &mono, AV_SAMPLE_FMT_FLT, kAudioRateHz, &mono,
                                 AV_SAMPLE_FMT_FLT, static_cast<int>(rate_hz), 0, nullptr);
  libav::Resampler resampler(raw);
  if (code >= 0) code = swr_init(resampler.get());
  if (code < 0) return Failed(code);

  const auto count_in = static_cast<int>(samples.size());
  const auto expected =
      static_cast<size_t>((static_cast<uint64_t>(count_in) * kAudioRateHz + rate_hz - 1) / rate_hz);
  // What is converted at once, and what the filter still holds.
  Waveform out{std::vector<float>(expected + kAudioRateHz)};
  const auto* in = reinterpret_cast<const uint8_t*>(samples.data());
  size_t made = 0;
  for (const bool flush : {false, true}) {
    auto* place = reinterpret_cast<uint8_t*>(out.samples.data() + made);
    code = swr_convert(resampler.get(), &place, static_cast<int>(out.samples.size() - made),
                       flush ? nullptr : &in, flush ? 0 : count_in);
    if (code < 0) return Failed(code);
    made += static_cast<size_t>(code);
  }
  // The flushed tail of the filter is no sound of the clip's; one sample always remains.
  out.samples.resize(std::clamp(made, size_t{1}, expected));
  return out;
}

}  // namespace mixmatch
