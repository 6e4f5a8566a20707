// Pictures of any size → [C, 32, 32] pixels: the fixed front end of images.
//
// Takes decoded pixels from core/media; gives features to storage and core/encoder. Does not
// decode, and does not normalise brightness: that is the stem's business.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/senses/features.h"

namespace mixmatch {

// Width and height of image features.
inline constexpr uint32_t kImagePx = 32;

// A decoded picture: 8 bits a channel, rows from the top, channels interleaved.
struct Pixels {
  uint32_t width = 0;
  uint32_t height = 0;
  uint32_t channels = 0;      // 1 (grey) or 3 (RGB)
  std::vector<uint8_t> data;  // [height, width, channels]
};

// Fits a picture into kImagePx x kImagePx, its aspect kept:
//   larger side above 32        shrunk by exact area averaging, so that nothing aliases
//   larger side from 24 to 32   copied pixel by pixel: at these sizes a stroke is one or two pixels
//                               wide, and enlarging by less than 4/3 would smear every one of them
//                               to gain a margin that carries nothing
//   larger side below 24        enlarged bilinearly, or most of the field would be empty
// The rest is padding, the picture centred, in the mean colour of the edges that it continues: a
// fixed colour would draw a frame that the picture does not have. RGB whose channels are equal
// becomes grey (C = 1).
//
// `content` is left for the caller. INVALID_ARGUMENT (field "image.data") when sizes, channels and
// data do not fit together. O(width * height). Thread-safe.
absl::StatusOr<Features> ImageFeatures(const Pixels& pixels);

}  // namespace mixmatch
