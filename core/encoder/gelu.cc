// Ties the kernels to torch's differentiation.
#include <torch/csrc/autograd/custom_function.h>

#include "core/encoder/gelu_kernel.h"
#include "core/encoder/layers.h"

namespace mixmatch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

class GeluFunction : public torch::autograd::Function<GeluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    const at::Tensor input = x.contiguous();
    at::Tensor out = at::empty_like(input);
    GeluForward(input.numel(), input.data_ptr<float>(), out.data_ptr<float>());
    context->save_for_backward({input});
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor grad_out = grads[0].contiguous();
    at::Tensor grad = at::empty_like(saved[0]);
    GeluBackward(grad.numel(), saved[0].data_ptr<float>(), grad_out.data_ptr<float>(),
                 grad.data_ptr<float>());
    return {grad};
  }
};

}  // namespace

at::Tensor Gelu(const at::Tensor& x) {
  return x.device().is_cpu() ? GeluFunction::apply(x) : at::gelu(x);
}

}  // namespace mixmatch
