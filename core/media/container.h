// What the headers of media files claim, checked before any decoder sees them.
//
// Takes bytes of clients; gives decode_image and decode_audio the same content without what they
// have no use for: colour profiles, tags and comments, of which some are compressed and can unfold
// to gigabytes. Knows no libav.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace mixmatch {

enum class ImageFormat { kUnknown, kPng, kJpeg };
enum class AudioFormat { kUnknown, kWav, kFlac, kMp3, kOgg };

// Tells the format by the first bytes.
ImageFormat DetectImage(std::string_view bytes);
AudioFormat DetectAudio(std::string_view bytes);

struct PictureSize {
  uint32_t width = 0;
  uint32_t height = 0;
};

// Size of a picture by its header. INVALID_ARGUMENT (field "image.data") when the header is damaged
// or the file ends before the picture does. `bytes` must be of that format.
absl::StatusOr<PictureSize> PngSize(std::string_view bytes);
absl::StatusOr<PictureSize> JpegSize(std::string_view bytes);

// A PNG reduced to IHDR, PLTE, tRNS, IDAT and IEND. Requires that PngSize accepted it.
std::string PlainPng(std::string_view bytes);

// A WAV reduced to its fmt and data chunks. A data chunk of 0xffffffff bytes, which streaming
// writers leave, lasts until the end. INVALID_ARGUMENT (field "audio.data") when a chunk is missing
// or declares more bytes than are there. Allocates no more than the file's size.
absl::StatusOr<std::string> PlainWav(std::string_view bytes);

// The file without ID3v2 tags in front. INVALID_ARGUMENT when nothing is left.
absl::StatusOr<std::string_view> SkipId3(std::string_view bytes);

// INVALID_ARGUMENT when an OGG file ends inside a page.
absl::Status CheckOggEnd(std::string_view bytes);

}  // namespace mixmatch
