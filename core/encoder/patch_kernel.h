// What a convolution sees of each place of a picture, laid out as rows of a matrix, over plain
// floats.
#pragma once

#include <cstdint>

namespace mixmatch {

// Pictures with channels last, looked at through a square window that moves two places at a time;
// what lies outside counts as 0.
struct PatchShape {
  int64_t pictures;
  int64_t height;
  int64_t width;
  int64_t channels;
  int64_t window;  // odd; its middle stands on every second place, from the first on

  int64_t out_height() const { return (height + 1) / 2; }
  int64_t out_width() const { return (width + 1) / 2; }
  int64_t rows() const { return pictures * out_height() * out_width(); }
  int64_t columns() const { return window * window * channels; }
};

// patches [rows, columns] of pictures [pictures, height, width, channels]; columns in the order
// (window row, window column, channel).
void PatchForward(const PatchShape& shape, const float* pictures, float* patches);

// grad_pictures of grad_patches: what every patch says of a place, added up.
void PatchBackward(const PatchShape& shape, const float* grad_patches, float* grad_pictures);

}  // namespace mixmatch
