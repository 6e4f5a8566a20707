// Products of activations, weights and momentum: in fp32, or, while training allows it and the CPU
// can, in bfloat16 with fp32 sums.
//
// Internal to core/encoder and core/learning: includes torch. Letters: N tokens.
#pragma once

#include <ATen/ATen.h>

namespace mixmatch {

// While one lives, products of the thread that made it are computed in bfloat16 (`reduced`, which
// requires Bf16Supported()), or not; afterwards as before. What was computed forward in one way is
// differentiated in the same. Scopes nest.
class ProductScope {
 public:
  explicit ProductScope(bool reduced);
  ~ProductScope();
  ProductScope(const ProductScope&) = delete;
  ProductScope& operator=(const ProductScope&) = delete;

 private:
  const bool before_;
};

// x [N, in], weight [out, in], bias [out] -> [N, out]; differentiable.
at::Tensor LinearMap(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// scale * start + share * a b, of a [K, m, k], b [K, k, n] and start [K, m, n]; not differentiable.
at::Tensor AddProducts(const at::Tensor& start, double scale, double share, const at::Tensor& a,
                       const at::Tensor& b);

// a [K, m, k] b [K, k, n] -> [K, m, n]; not differentiable.
at::Tensor Products(const at::Tensor& a, const at::Tensor& b);

}  // namespace mixmatch
