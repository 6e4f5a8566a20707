// header checks → one packet → decoder → frame → 8-bit grey or RGB → the camera's turn.
#include "core/media/decode_image.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
}

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/media/container.h"
#include "core/media/libav.h"

namespace mixmatch {
namespace {

absl::Status BadPicture(const std::string& fact) {
  return InvalidField("image.data", absl::StrCat("picture refused: ", fact));
}

absl::Status CheckPixelCount(std::string_view field, uint64_t width, uint64_t height,
                             uint64_t pixels_max) {
  if (width == 0 || height == 0) {
    return InvalidField(field, absl::StrCat("picture refused: ", width, " x ", height,
                                            " pixels; send at least one"));
  }
  if (width > pixels_max / height) {
    return InvalidField(field, absl::StrCat("picture refused: ", width, " x ", height,
                                            " pixels; send at most ", pixels_max, " in all"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Pixels> DecodeBare(const ImagePayload& image, const SenseLimits& limits) {
  if (image.channel_count != 1 && image.channel_count != 3) {
    return InvalidField("image.channel_count",
                        absl::StrCat("picture refused: ", image.channel_count,
                                     " channels; send 1 (grey) or 3 (RGB)"));
  }
  MM_RETURN_IF_ERROR(CheckPixelCount(image.width_px == 0 ? "image.width_px" : "image.height_px",
                                     image.width_px, image.height_px, limits.image_pixels_max));
  const uint64_t bytes = uint64_t{image.width_px} * image.height_px * image.channel_count;
  if (image.data.size() != bytes) {
    return BadPicture(absl::StrCat(image.data.size(), " bytes for ", image.width_px, " x ",
                                   image.height_px, " pixels of ", image.channel_count,
                                   " channels; send ", bytes));
  }
  return Pixels{.width = image.width_px,
                .height = image.height_px,
                .channels = image.channel_count,
                .data = {image.data.begin(), image.data.end()}};
}

// The format, if the media type and the bytes agree on one.
absl::StatusOr<ImageFormat> FormatOf(const ImagePayload& image) {
  const ImageFormat detected = DetectImage(image.data);
  ImageFormat named = detected;
  if (image.media_type == "image/png") {
    named = ImageFormat::kPng;
  } else if (image.media_type == "image/jpeg" || image.media_type == "image/jpg") {
    named = ImageFormat::kJpeg;
  } else if (!image.media_type.empty()) {
    return InvalidField("image.media_type",
                        absl::StrCat("picture refused: media type '", image.media_type,
                                     "' is not supported; send image/png, image/jpeg or "
                                     "image/raw"));
  }
  if (detected == ImageFormat::kUnknown) {
    return BadPicture(
        absl::StrCat("the ", image.data.size(), " bytes are of no known format; send PNG or JPEG"));
  }
  if (named != detected) {
    return BadPicture(absl::StrCat("the bytes do not begin as ", image.media_type,
                                   " does; correct the media type, or leave it out"));
  }
  return detected;
}

// A frame's memory, filled with the byte at `opaque` before the decoder sees it.
int FilledBuffer(AVCodecContext* decoder, AVFrame* frame, int flags) {
  const int code = avcodec_default_get_buffer2(decoder, frame, flags);
  if (code < 0) return code;
  for (const AVBufferRef* buffer : frame->buf) {
    if (buffer != nullptr) {
      std::memset(buffer->data, *static_cast<const uint8_t*>(decoder->opaque), buffer->size);
    }
  }
  return code;
}

// Whether one of the last two rows (two, because interlacing delivers odd rows last) still is as
// FilledBuffer left it.
bool LooksUntouched(const AVFrame& frame, uint8_t fill) {
  const int bytes = av_image_get_linesize(static_cast<AVPixelFormat>(frame.format), frame.width, 0);
  for (int y = std::max(0, frame.height - 2); y < frame.height; ++y) {
    const uint8_t* row = frame.data[0] + static_cast<ptrdiff_t>(y) * frame.linesize[0];
    if (bytes <= 0 || std::all_of(row, row + bytes, [&](uint8_t b) { return b == fill; })) {
      return true;
    }
  }
  return false;
}

// Decodes into memory filled with `fill`.
absl::StatusOr<libav::Frame> DecodeOver(uint8_t fill, ImageFormat format, const std::string& bytes,
                                        const PictureSize& size) {
  MM_ASSIGN_OR_RETURN(const libav::CodecContext decoder,
                      libav::StrictDecoder(format == ImageFormat::kPng ? "png" : "mjpeg"));
  // No more than the header said, with width rounded up as libav counts it.
  decoder->max_pixels = (int64_t{size.width} + 63) / 64 * 64 * size.height;
  decoder->opaque = &fill;
  decoder->get_buffer2 = &FilledBuffer;
  libav::Packet packet(av_packet_alloc());
  libav::Frame frame(av_frame_alloc());
  int code = packet == nullptr || frame == nullptr ? AVERROR(ENOMEM)
                                                   : avcodec_open2(decoder.get(), nullptr, nullptr);
  // The packet is a copy, with the padding that libav reads beyond the end.
  if (code >= 0) code = av_new_packet(packet.get(), static_cast<int>(bytes.size()));
  if (code < 0) {
    return absl::InternalError(
        absl::StrCat("decoding failed: ", libav::ErrorText(code), "; free some memory"));
  }
  std::memcpy(packet->data, bytes.data(), bytes.size());
  code = avcodec_send_packet(decoder.get(), packet.get());
  if (code >= 0) code = avcodec_send_packet(decoder.get(), nullptr);
  if (code >= 0) code = avcodec_receive_frame(decoder.get(), frame.get());
  if (code < 0 || frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0) {
    return BadPicture(
        absl::StrCat("the file is damaged (", libav::ErrorText(code), "); repair or convert it"));
  }
  return frame;
}

// libav returns a picture as good even when its rows end early. Rows that no decoder has written
// keep their fill, whatever it is; a picture that has that colour by itself does not.
absl::StatusOr<libav::Frame> DecodeFrame(ImageFormat format, const std::string& bytes,
                                         const PictureSize& size) {
  for (const uint8_t fill : {uint8_t{0x5A}, uint8_t{0xA5}}) {
    MM_ASSIGN_OR_RETURN(libav::Frame frame, DecodeOver(fill, format, bytes, size));
    if (!LooksUntouched(*frame, fill)) return frame;
  }
  return BadPicture("its rows end before the picture does; send the whole file");
}

// Copies rows without their padding.
void CopyRows(const AVFrame& frame, Pixels& out) {
  const size_t stride = size_t{out.width} * out.channels;
  for (uint32_t y = 0; y < out.height; ++y) {
    std::memcpy(out.data.data() + y * stride,
                frame.data[0] + static_cast<ptrdiff_t>(y) * frame.linesize[0], stride);
  }
}

// Converts to `format` (packed, 8 bits a channel). The result does not depend on the machine.
absl::StatusOr<std::vector<uint8_t>> Convert(const AVFrame& frame, AVPixelFormat format,
                                             int channels) {
  constexpr int kFlags =
      SWS_BILINEAR | SWS_BITEXACT | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP;
  const libav::Scaler scaler(
      sws_getContext(frame.width, frame.height, static_cast<AVPixelFormat>(frame.format),
                     frame.width, frame.height, format, kFlags, nullptr, nullptr, nullptr));
  if (scaler == nullptr) {
    return BadPicture("its pixel format is not supported; convert it to 8-bit RGB");
  }
  const int stride = frame.width * channels;
  std::vector<uint8_t> out(static_cast<size_t>(stride) * static_cast<size_t>(frame.height));
  uint8_t* planes[] = {out.data(), nullptr, nullptr, nullptr};
  const int strides[] = {stride, 0, 0, 0};
  const int rows =
      sws_scale(scaler.get(), frame.data, frame.linesize, 0, frame.height, planes, strides);
  if (rows != frame.height) {
    return absl::InternalError("converting a picture failed: too few rows; report this as a bug");
  }
  return out;
}

// Lays RGBA over white.
void BlendOverWhite(const std::vector<uint8_t>& rgba, std::vector<uint8_t>& rgb) {
  for (size_t p = 0; p < rgba.size() / 4; ++p) {
    const unsigned alpha = rgba[4 * p + 3];
    for (size_t c = 0; c < 3; ++c) {
      rgb[3 * p + c] =
          static_cast<uint8_t>((rgba[4 * p + c] * alpha + 255 * (255 - alpha) + 127) / 255);
    }
  }
}

absl::StatusOr<Pixels> ToPixels(const AVFrame& frame) {
  const auto format = static_cast<AVPixelFormat>(frame.format);
  const AVPixFmtDescriptor* descriptor = av_pix_fmt_desc_get(format);
  if (descriptor == nullptr) return BadPicture("it has no pixels; repair or convert the file");
  // A palette may have transparent entries.
  const bool palette = (descriptor->flags & AV_PIX_FMT_FLAG_PAL) != 0;
  const bool alpha = palette || (descriptor->flags & AV_PIX_FMT_FLAG_ALPHA) != 0;
  const bool grey = !alpha && descriptor->nb_components == 1;
  Pixels pixels{.width = static_cast<uint32_t>(frame.width),
                .height = static_cast<uint32_t>(frame.height),
                .channels = grey ? 1u : 3u,
                .data = {}};
  if (format == AV_PIX_FMT_GRAY8 || format == AV_PIX_FMT_RGB24) {
    pixels.data.resize(size_t{pixels.width} * pixels.height * pixels.channels);
    CopyRows(frame, pixels);
  } else if (alpha) {
    MM_ASSIGN_OR_RETURN(const std::vector<uint8_t> rgba, Convert(frame, AV_PIX_FMT_RGBA, 4));
    pixels.data.resize(rgba.size() / 4 * 3);
    BlendOverWhite(rgba, pixels.data);
  } else {
    MM_ASSIGN_OR_RETURN(pixels.data,
                        Convert(frame, grey ? AV_PIX_FMT_GRAY8 : AV_PIX_FMT_RGB24, grey ? 1 : 3));
  }
  return pixels;
}

// Makes the turn or mirroring that the camera noted: a pixel at (x, y) goes to (a x + c y, b x + d
// y), shifted into the picture; a, b, c and d are -1, 0 or 1.
Pixels Turn(const AVFrame& frame, Pixels pixels) {
  const AVFrameSideData* side = av_frame_get_side_data(&frame, AV_FRAME_DATA_DISPLAYMATRIX);
  if (side == nullptr || side->size < 9 * sizeof(int32_t)) return pixels;
  int32_t matrix[9];
  std::memcpy(matrix, side->data, sizeof(matrix));
  const auto sign = [](int32_t v) { return (v > 1 << 15) - (v < -(1 << 15)); };
  const int64_t a = sign(matrix[0]), b = sign(matrix[1]);
  const int64_t c = sign(matrix[3]), d = sign(matrix[4]);
  const bool upright = b == 0 && c == 0 && a * d != 0;
  const bool sideways = a == 0 && d == 0 && b * c != 0;
  if (!upright && !sideways) return pixels;
  Pixels turned{.width = sideways ? pixels.height : pixels.width,
                .height = sideways ? pixels.width : pixels.height,
                .channels = pixels.channels,
                .data = std::vector<uint8_t>(pixels.data.size())};
  const int64_t left = a + c < 0 ? int64_t{turned.width} - 1 : 0;
  const int64_t top = b + d < 0 ? int64_t{turned.height} - 1 : 0;
  for (int64_t y = 0; y < pixels.height; ++y) {
    for (int64_t x = 0; x < pixels.width; ++x) {
      const int64_t to = (top + b * x + d * y) * turned.width + left + a * x + c * y;
      std::copy_n(pixels.data.begin() + (y * pixels.width + x) * pixels.channels, pixels.channels,
                  turned.data.begin() + to * pixels.channels);
    }
  }
  return turned;
}

}  // namespace

absl::StatusOr<Pixels> DecodeImage(const ImagePayload& image, const SenseLimits& limits) {
  if (image.media_type == "image/raw") return DecodeBare(image, limits);
  MM_ASSIGN_OR_RETURN(const ImageFormat format, FormatOf(image));
  const bool png = format == ImageFormat::kPng;
  MM_ASSIGN_OR_RETURN(const PictureSize size, png ? PngSize(image.data) : JpegSize(image.data));
  MM_RETURN_IF_ERROR(
      CheckPixelCount("image.data", size.width, size.height, limits.image_pixels_max));
  MM_ASSIGN_OR_RETURN(const libav::Frame frame,
                      DecodeFrame(format, png ? PlainPng(image.data) : image.data, size));
  MM_ASSIGN_OR_RETURN(Pixels pixels, ToPixels(*frame));
  return Turn(*frame, std::move(pixels));
}

}  // namespace mixmatch
