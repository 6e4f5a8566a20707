// Everything about libav that is not about one kind of media.
#include "core/media/libav.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace mixmatch::libav {

std::string ErrorText(int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  return text.data();
}

absl::StatusOr<CodecContext> StrictDecoder(const char* name) {
  [[maybe_unused]] static const bool kSilenced = [] {
    av_log_set_level(AV_LOG_QUIET);
    return true;
  }();
  const AVCodec* codec = avcodec_find_decoder_by_name(name);
  CodecContext context(codec == nullptr ? nullptr : avcodec_alloc_context3(codec));
  if (context == nullptr) {
    return absl::InternalError(absl::StrCat("decoding failed: libavcodec offers no decoder '", name,
                                            "'; install a complete one"));
  }
  context->thread_count = 1;
  context->flags |= AV_CODEC_FLAG_BITEXACT;
  context->err_recognition = AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER | AV_EF_EXPLODE;
  return context;
}

}  // namespace mixmatch::libav
