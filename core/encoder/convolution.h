// Convolutions over pictures with channels last, each halving both sides.
//
// Internal to core/encoder: includes torch.
#pragma once

#include <ATen/ATen.h>

#include <string>

#include "core/encoder/layers.h"

namespace mixmatch {

// The layer of a convolution: `window` * window * `in` -> `out`, made for a bend behind it.
inline Linear MakeConvolution(ParameterStore& store, const std::string& name, int64_t in,
                              int64_t out, int64_t window) {
  return Linear::Make(store, name, window * window * in, out, 1.4F);
}

// What a window of `window` x `window` (odd) sees at every second place of `pictures` [B, H, W, C]:
// [B, (H + 1) / 2, (W + 1) / 2, window * window * C], 0 outside the picture.
at::Tensor Patches(const at::Tensor& pictures, int64_t window);

// A layer of weight [out, window * window * C] over these: [B, (H + 1) / 2, (W + 1) / 2, out].
at::Tensor Convolve(const Linear& layer, const at::Tensor& pictures, int64_t window);

// What Patches() gives, on any device, from torch's own operations.
at::Tensor PatchesByViews(const at::Tensor& pictures, int64_t window);

}  // namespace mixmatch
