// Ties the kernels to torch's differentiation.
#include "core/encoder/ragged.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/encoder/attention_kernel.h"

namespace mixmatch {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

AttentionShape ShapeOf(const at::Tensor& offsets, int64_t heads, int64_t width) {
  return {.offsets = {offsets.data_ptr<int64_t>(), static_cast<size_t>(offsets.numel())},
          .heads = heads,
          .width = width};
}

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& qkv,
                            const at::Tensor& offsets, int64_t heads) {
    const at::Tensor input = qkv.contiguous();
    const int64_t width = input.size(1) / 3;
    at::Tensor out = at::empty({input.size(0), width}, input.options());
    at::Tensor log_sums = at::empty({input.size(0), heads}, input.options());
    AttentionForward(ShapeOf(offsets, heads, width), input.data_ptr<float>(), out.data_ptr<float>(),
                     log_sums.data_ptr<float>());
    context->save_for_backward({input, offsets, out, log_sums});
    context->saved_data["heads"] = heads;
    return out;
  }

  static variable_list backward(AutogradContext* context, variable_list grads) {
    const variable_list saved = context->get_saved_variables();
    const int64_t heads = context->saved_data["heads"].toInt();
    const at::Tensor grad_out = grads[0].contiguous();
    at::Tensor grad_qkv = at::empty_like(saved[0]);
    AttentionBackward(ShapeOf(saved[1], heads, grad_out.size(1)), saved[0].data_ptr<float>(),
                      saved[2].data_ptr<float>(), saved[3].data_ptr<float>(),
                      grad_out.data_ptr<float>(), grad_qkv.data_ptr<float>());
    return {grad_qkv, at::Tensor(), at::Tensor()};
  }
};

// The sequence that each token belongs to: [N], on the CPU.
at::Tensor SequenceOfToken(const at::Tensor& offsets) {
  const int64_t sequences = offsets.numel() - 1;
  const at::Tensor lengths = offsets.narrow(0, 1, sequences) - offsets.narrow(0, 0, sequences);
  return at::repeat_interleave(lengths);
}

}  // namespace

at::Tensor PaddedAttention(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads) {
  const int64_t sequences = offsets.numel() - 1;
  const int64_t width = qkv.size(1) / 3;
  const at::Tensor begins = offsets.narrow(0, 0, sequences);
  const at::Tensor lengths = offsets.narrow(0, 1, sequences) - begins;
  const int64_t longest = lengths.max().item<int64_t>();
  const at::Tensor sequence = SequenceOfToken(offsets);  // [N]
  const at::Tensor place = at::arange(qkv.size(0), at::kLong) - begins.index_select(0, sequence);
  const at::Tensor slot = (sequence * longest + place).to(qkv.device());  // [N]
  const at::Tensor valid =
      (at::arange(longest, at::kLong).unsqueeze(0) < lengths.unsqueeze(1)).to(qkv.device());

  const at::Tensor padded = at::zeros({sequences * longest, 3 * width}, qkv.options())
                                .index_copy(0, slot, qkv)
                                .view({sequences, longest, 3, heads, width / heads})
                                .permute({2, 0, 3, 1, 4});  // [3,S,H,T,d]
  const double scale = 1.0 / std::sqrt(static_cast<double>(width / heads));
  const at::Tensor scores = at::matmul(padded[0], padded[1].transpose(-2, -1)) * scale;
  const at::Tensor masked = scores.masked_fill(valid.view({sequences, 1, 1, longest}).logical_not(),
                                               -std::numeric_limits<float>::infinity());
  const at::Tensor out = at::matmul(at::softmax(masked, -1), padded[2]);  // [S,H,T,d]
  return out.permute({0, 2, 1, 3}).reshape({sequences * longest, width}).index_select(0, slot);
}

at::Tensor RaggedAttention(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads) {
  if (!qkv.device().is_cpu()) return PaddedAttention(qkv, offsets, heads);
  return AttentionFunction::apply(qkv, offsets, heads);
}

at::Tensor RaggedMean(const at::Tensor& tokens, const at::Tensor& offsets) {
  const int64_t sequences = offsets.numel() - 1;
  const at::Tensor begins = offsets.narrow(0, 0, sequences);
  if (tokens.device().is_cpu()) {
    constexpr int64_t kMean = 1;
    return std::get<0>(at::embedding_bag(tokens, at::arange(tokens.size(0), at::kLong),
                                         begins.contiguous(), false, kMean));
  }
  const at::Tensor lengths = (offsets.narrow(0, 1, sequences) - begins).to(tokens.device());
  const at::Tensor sequence = SequenceOfToken(offsets).to(tokens.device());
  return at::zeros({sequences, tokens.size(1)}, tokens.options()).index_add(0, sequence, tokens) /
         lengths.unsqueeze(1);
}

}  // namespace mixmatch
