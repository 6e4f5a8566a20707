// Owners of libav's objects and what every use of them needs. Only for the .cc files of this
// folder: no header outside may show libav.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace mixmatch::libav {

struct Deleter {
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(SwsContext* p) const { sws_freeContext(p); }
  void operator()(SwrContext* p) const { swr_free(&p); }
};

using CodecContext = std::unique_ptr<AVCodecContext, Deleter>;
using Frame = std::unique_ptr<AVFrame, Deleter>;
using Packet = std::unique_ptr<AVPacket, Deleter>;
using Scaler = std::unique_ptr<SwsContext, Deleter>;
using Resampler = std::unique_ptr<SwrContext, Deleter>;

// libav's own words for an error code.
std::string ErrorText(int code);

// A decoder by its name in libav, on the calling thread alone, bit-exact where it can be, and
// strict: checksums are verified and damage is an error. Not opened yet. Silences libav's log, once
// for the process. INTERNAL when this libav has no such decoder or memory is short.
absl::StatusOr<CodecContext> StrictDecoder(const char* name);

}  // namespace mixmatch::libav
