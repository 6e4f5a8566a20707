// Frames → encoder → packets → (for sound) muxer → bytes.
#include "tests/core/media/encode.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "core/media/libav.h"

namespace mixmatch::testing {
namespace {

using libav::CodecContext;
using libav::Frame;
using libav::Packet;

// Sends a frame, or the end when it is null, and hands on every packet.
bool Encode(AVCodecContext& encoder, const AVFrame* frame,
            const std::function<bool(AVPacket&)>& take) {
  const Packet packet(av_packet_alloc());
  if (avcodec_send_frame(&encoder, frame) < 0) return false;
  int code = 0;
  while ((code = avcodec_receive_packet(&encoder, packet.get())) >= 0) {
    if (!take(*packet)) return false;
    av_packet_unref(packet.get());
  }
  return code == AVERROR(EAGAIN) || code == AVERROR_EOF;
}

uint8_t Clamp(double value) {
  return static_cast<uint8_t>(std::clamp(std::lround(value), 0L, 255L));
}

// Fills a full-range YUV 4:4:4 frame by JFIF's equations.
void FillBlocks(AVFrame& frame, uint32_t (*rgb)(int, int)) {
  for (int y = 0; y < frame.height; ++y) {
    for (int x = 0; x < frame.width; ++x) {
      const uint32_t colour = rgb(x / 16, y / 16);
      const double r = colour >> 16, g = colour >> 8 & 255, b = colour & 255;
      frame.data[0][y * frame.linesize[0] + x] = Clamp(0.299 * r + 0.587 * g + 0.114 * b);
      frame.data[1][y * frame.linesize[1] + x] = Clamp(128 - 0.168736 * r - 0.331264 * g + 0.5 * b);
      frame.data[2][y * frame.linesize[2] + x] = Clamp(128 + 0.5 * r - 0.418688 * g - 0.081312 * b);
    }
  }
}

// Writes sample `n` of a sine into the frame, in whatever format the encoder takes.
void FillSine(AVFrame& frame, double hz, int rate_hz, int first) {
  for (int i = 0; i < frame.nb_samples; ++i) {
    const double value = 0.5 * std::sin(2 * std::numbers::pi * hz * (first + i) / rate_hz);
    switch (frame.format) {
      case AV_SAMPLE_FMT_S16:
      case AV_SAMPLE_FMT_S16P:
        reinterpret_cast<int16_t*>(frame.data[0])[i] =
            static_cast<int16_t>(std::lround(32767 * value));
        break;
      default:
        reinterpret_cast<float*>(frame.data[0])[i] = static_cast<float>(value);
    }
  }
}

}  // namespace

std::string Jpeg(int width, int height, uint32_t (*rgb)(int column, int row)) {
  const CodecContext encoder(avcodec_alloc_context3(avcodec_find_encoder(AV_CODEC_ID_MJPEG)));
  if (encoder == nullptr) return "";
  encoder->width = width;
  encoder->height = height;
  encoder->pix_fmt = AV_PIX_FMT_YUVJ444P;
  encoder->color_range = AVCOL_RANGE_JPEG;
  encoder->time_base = {1, 1};
  encoder->flags |= AV_CODEC_FLAG_QSCALE | AV_CODEC_FLAG_BITEXACT;
  encoder->global_quality = FF_QP2LAMBDA * 2;
  const Frame frame(av_frame_alloc());
  frame->format = encoder->pix_fmt;
  frame->width = width;
  frame->height = height;
  frame->color_range = AVCOL_RANGE_JPEG;
  frame->quality = encoder->global_quality;
  if (avcodec_open2(encoder.get(), nullptr, nullptr) < 0 ||
      av_frame_get_buffer(frame.get(), 0) < 0) {
    return "";
  }
  FillBlocks(*frame, rgb);
  std::string bytes;
  const auto take = [&](AVPacket& packet) {
    bytes.assign(reinterpret_cast<const char*>(packet.data), static_cast<size_t>(packet.size));
    return true;
  };
  return Encode(*encoder, frame.get(), take) && Encode(*encoder, nullptr, take) ? bytes : "";
}

std::string SineFile(const char* muxer, const char* encoder_name, double hz, int rate_hz,
                     int count) {
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder_name);
  if (codec == nullptr) return "";
  const CodecContext encoder(avcodec_alloc_context3(codec));
  encoder->sample_rate = rate_hz;
  encoder->sample_fmt = AV_SAMPLE_FMT_FLT;
  // FLAC takes integers, libvorbis and libmp3lame planar floats.
  if (codec->id == AV_CODEC_ID_FLAC) encoder->sample_fmt = AV_SAMPLE_FMT_S16;
  if (codec->id == AV_CODEC_ID_VORBIS || codec->id == AV_CODEC_ID_MP3) {
    encoder->sample_fmt = AV_SAMPLE_FMT_FLTP;
  }
  encoder->time_base = {1, rate_hz};
  encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_BITEXACT;
  av_channel_layout_default(&encoder->ch_layout, 1);
  AVFormatContext* file = nullptr;
  if (avcodec_open2(encoder.get(), nullptr, nullptr) < 0 ||
      avformat_alloc_output_context2(&file, nullptr, muxer, nullptr) < 0) {
    return "";
  }
  file->flags |= AVFMT_FLAG_BITEXACT;
  AVStream* stream = avformat_new_stream(file, nullptr);
  stream->time_base = encoder->time_base;
  avcodec_parameters_from_context(stream->codecpar, encoder.get());
  bool ok = avio_open_dyn_buf(&file->pb) >= 0 && avformat_write_header(file, nullptr) >= 0;
  const auto take = [&](AVPacket& packet) {
    packet.stream_index = 0;
    av_packet_rescale_ts(&packet, encoder->time_base, stream->time_base);
    return av_write_frame(file, &packet) >= 0;
  };
  const int step = encoder->frame_size > 0 ? encoder->frame_size : 1024;
  for (int at = 0; ok && at < count; at += step) {
    const Frame frame(av_frame_alloc());
    frame->format = encoder->sample_fmt;
    frame->nb_samples = std::min(step, count - at);
    frame->sample_rate = rate_hz;
    frame->pts = at;
    av_channel_layout_default(&frame->ch_layout, 1);
    ok = av_frame_get_buffer(frame.get(), 0) >= 0;
    if (!ok) break;
    FillSine(*frame, hz, rate_hz, at);
    ok = Encode(*encoder, frame.get(), take);
  }
  ok = ok && Encode(*encoder, nullptr, take) && av_write_trailer(file) >= 0;
  uint8_t* bytes = nullptr;
  const int size = avio_close_dyn_buf(file->pb, &bytes);
  std::string out(reinterpret_cast<const char*>(bytes), ok ? static_cast<size_t>(size) : 0);
  av_free(bytes);
  avformat_free_context(file);
  return out;
}

}  // namespace mixmatch::testing
