// Ties the bfloat16 kernel to torch's tensors and its differentiation.
#include "core/encoder/product.h"

#include <torch/csrc/autograd/custom_function.h>

#include "core/encoder/bf16_gemm.h"

namespace mixmatch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

thread_local bool reduced_here = false;

// The matrix [m, n] as the kernel takes it; its strides are made such that it can.
struct Operand {
  explicit Operand(const at::Tensor& matrix)
      : tensor(matrix.stride(0) == 1 || matrix.stride(1) == 1 ? matrix : matrix.contiguous()),
        view{tensor.data_ptr<float>(), tensor.stride(0), tensor.stride(1)} {
    // A single row or column may have any stride; what is contiguous has one of 1.
    if (view.row_stride != 1 && view.column_stride != 1) view.column_stride = 1;
  }
  at::Tensor tensor;
  Bf16Operand view;
};

// out [m, n] = a [m, k] b [k, n] + start, of which `row` is one row for all.
void Multiply(const at::Tensor& a, const at::Tensor& b, const float* row, const at::Tensor& out) {
  const Operand left(a);
  const Operand right(b);
  Bf16Gemm(a.size(0), b.size(1), a.size(1), left.view, right.view, row, /*start_stride=*/0,
           out.data_ptr<float>(), out.stride(0));
}

class ReducedLinear : public torch::autograd::Function<ReducedLinear> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const at::Tensor& bias) {
    at::Tensor out = at::empty({x.size(0), weight.size(0)}, x.options());
    Multiply(x, weight.t(), bias.contiguous().data_ptr<float>(), out);
    context->save_for_backward({x, weight});
    context->saved_data["from_x"] = x.requires_grad();
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor grad = grads[0].contiguous();  // [N, out]
    at::Tensor grad_x;
    if (context->saved_data["from_x"].toBool()) {
      grad_x = at::empty({x.size(0), x.size(1)}, x.options());
      Multiply(grad, weight, nullptr, grad_x);
    }
    const at::Tensor grad_weight = at::empty({weight.size(0), weight.size(1)}, x.options());
    Multiply(grad.t(), x, nullptr, grad_weight);
    return {grad_x, grad_weight, grad.sum(0)};
  }
};

}  // namespace

ProductScope::ProductScope(bool reduced) : before_(reduced_here) { reduced_here = reduced; }

ProductScope::~ProductScope() { reduced_here = before_; }

at::Tensor LinearMap(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return reduced_here ? ReducedLinear::apply(x, weight, bias) : at::linear(x, weight, bias);
}

at::Tensor Products(const at::Tensor& a, const at::Tensor& b) {
  if (!reduced_here) return at::bmm(a, b);
  at::Tensor out = at::empty({a.size(0), a.size(1), b.size(2)}, a.options());
  for (int64_t i = 0; i < a.size(0); ++i) Multiply(a[i], b[i], nullptr, out[i]);
  return out;
}

at::Tensor AddProducts(const at::Tensor& start, double scale, double share, const at::Tensor& a,
                       const at::Tensor& b) {
  if (!reduced_here) return at::baddbmm(start, a, b, scale, share);
  return Products(a, b).mul_(share).add_(start, scale);
}

}  // namespace mixmatch
