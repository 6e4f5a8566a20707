// The layers of which stems and the trunk are made.
//
// Internal to core/encoder: includes torch. Letters: N tokens, D width.
#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/encoder/parameters.h"
#include "core/encoder/product.h"

namespace mixmatch {

struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out]

  // `gain` scales the initial weights; 1 keeps the variance of what goes through. `maps`: how many
  // maps of one input it is made of, each out / maps wide.
  static Linear Make(ParameterStore& store, const std::string& name, int64_t in, int64_t out,
                     float gain = 1, int64_t maps = 1) {
    const float bound = gain * std::sqrt(3.0F / static_cast<float>(in));
    return {store.Make(absl::StrCat(name, ".weight"), {out, in}, bound, maps),
            store.Make(absl::StrCat(name, ".bias"), {out}, 0)};
  }

  // [N, in] -> [N, out]
  at::Tensor operator()(const at::Tensor& x) const { return LinearMap(x, weight, bias); }
};

// x times the normal distribution function of x, number by number.
at::Tensor Gelu(const at::Tensor& x);

struct Norm {
  at::Tensor scale;  // [D]
  at::Tensor shift;  // [D]

  static Norm Make(ParameterStore& store, const std::string& name, int64_t width) {
    return {store.MakeFilled(absl::StrCat(name, ".scale"), {width}, 1),
            store.Make(absl::StrCat(name, ".shift"), {width}, 0)};
  }

  at::Tensor operator()(const at::Tensor& x) const {
    return at::layer_norm(x, {scale.size(0)}, scale, shift);
  }
};

}  // namespace mixmatch
