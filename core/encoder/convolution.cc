// Ties the kernels to torch's differentiation.
#include "core/encoder/convolution.h"

#include <torch/csrc/autograd/custom_function.h>

#include "core/encoder/patch_kernel.h"

namespace mixmatch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class PatchFunction : public torch::autograd::Function<PatchFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& pictures, int64_t window) {
    const at::Tensor input = pictures.contiguous();
    const PatchShape shape = ShapeOf(input.sizes(), window);
    at::Tensor out = at::empty(
        {shape.pictures, shape.out_height(), shape.out_width(), shape.columns()}, input.options());
    PatchForward(shape, input.data_ptr<float>(), out.data_ptr<float>());
    context->saved_data["sizes"] = input.sizes();
    context->saved_data["window"] = window;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const std::vector<int64_t> sizes = context->saved_data["sizes"].toIntVector();
    const at::Tensor grad_out = grads[0].contiguous();
    at::Tensor grad = at::empty(sizes, grad_out.options());
    PatchBackward(ShapeOf(sizes, context->saved_data["window"].toInt()), grad_out.data_ptr<float>(),
                  grad.data_ptr<float>());
    return {grad, at::Tensor()};
  }

 private:
  static PatchShape ShapeOf(at::IntArrayRef sizes, int64_t window) {
    return {.pictures = sizes[0],
            .height = sizes[1],
            .width = sizes[2],
            .channels = sizes[3],
            .window = window};
  }
};

}  // namespace

at::Tensor PatchesByViews(const at::Tensor& pictures, int64_t window) {
  const int64_t half = window / 2;
  const at::Tensor padded = at::constant_pad_nd(pictures, {0, 0, half, half, half, half});
  return padded.unfold(1, window, 2)
      .unfold(2, window, 2)  // [B, H', W', C, window, window]
      .permute({0, 1, 2, 4, 5, 3})
      .flatten(3);
}

at::Tensor Patches(const at::Tensor& pictures, int64_t window) {
  if (!pictures.device().is_cpu()) return PatchesByViews(pictures, window);
  return PatchFunction::apply(pictures, window);
}

at::Tensor Convolve(const Linear& layer, const at::Tensor& pictures, int64_t window) {
  const at::Tensor patches = Patches(pictures, window);
  return layer(patches.flatten(0, 2))
      .view({patches.size(0), patches.size(1), patches.size(2), layer.weight.size(0)});
}

}  // namespace mixmatch
