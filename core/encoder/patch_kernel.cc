// A row of a window is one run of the picture's memory. The backward pass goes by rows of the
// picture, so that threads share nothing.
#include "core/encoder/patch_kernel.h"

#include <algorithm>

namespace mixmatch {
namespace {

// The part of a window's row that lies inside the picture, in floats.
struct Run {
  int64_t before;  // of the window, outside on the left
  int64_t count;
  int64_t from;  // in the picture's row
};

Run RunAt(const PatchShape& shape, int64_t x) {
  const int64_t left = 2 * x - shape.window / 2;
  const int64_t begin = std::max<int64_t>(left, 0);
  const int64_t end = std::min(left + shape.window, shape.width);
  return {(begin - left) * shape.channels, (end - begin) * shape.channels, begin * shape.channels};
}

}  // namespace

void PatchForward(const PatchShape& shape, const float* pictures, float* patches) {
  const int64_t lines = shape.pictures * shape.out_height();
  const int64_t window_row = shape.window * shape.channels;
#pragma omp parallel for schedule(static) if (shape.rows() * shape.columns() > (1 << 16))
  for (int64_t line = 0; line < lines; ++line) {
    const int64_t picture = line / shape.out_height();
    const int64_t top = 2 * (line % shape.out_height()) - shape.window / 2;
    for (int64_t x = 0; x < shape.out_width(); ++x) {
      const Run run = RunAt(shape, x);
      float* to = patches + (line * shape.out_width() + x) * shape.columns();
      for (int64_t y = top; y < top + shape.window; ++y, to += window_row) {
        if (y < 0 || y >= shape.height) {
          std::fill_n(to, window_row, 0.0F);
          continue;
        }
        const float* from =
            pictures + (picture * shape.height + y) * shape.width * shape.channels + run.from;
        if (run.count == window_row) {
          std::copy_n(from, window_row, to);
          continue;
        }
        std::fill_n(to, run.before, 0.0F);
        std::copy_n(from, run.count, to + run.before);
        std::fill_n(to + run.before + run.count, window_row - run.before - run.count, 0.0F);
      }
    }
  }
}

void PatchBackward(const PatchShape& shape, const float* grad_patches, float* grad_pictures) {
  const int64_t lines = shape.pictures * shape.height;
  const int64_t window_row = shape.window * shape.channels;
  const int64_t half = shape.window / 2;
#pragma omp parallel for schedule(static) if (shape.rows() * shape.columns() > (1 << 16))
  for (int64_t line = 0; line < lines; ++line) {
    const int64_t picture = line / shape.height;
    const int64_t y = line % shape.height;
    float* to = grad_pictures + line * shape.width * shape.channels;
    std::fill_n(to, shape.width * shape.channels, 0.0F);
    // Windows whose rows 2 * v - half ... 2 * v + half include y.
    const int64_t first = std::max<int64_t>((y - half + 1) / 2, 0);
    const int64_t last = std::min((y + half) / 2, shape.out_height() - 1);
    for (int64_t v = first; v <= last; ++v) {
      const int64_t row = y - (2 * v - half);
      for (int64_t x = 0; x < shape.out_width(); ++x) {
        const Run run = RunAt(shape, x);
        const float* from =
            grad_patches +
            ((picture * shape.out_height() + v) * shape.out_width() + x) * shape.columns() +
            row * window_row + run.before;
        for (int64_t i = 0; i < run.count; ++i) to[run.from + i] += from[i];
      }
    }
  }
}

}  // namespace mixmatch
