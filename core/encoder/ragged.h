// Operations on sequences of tokens that lie one after another in one matrix [N, D].
//
// Internal to core/encoder and core/learning: includes torch. On a CPU they run the kernels of
// attention_kernel.h; elsewhere padded tensor operations with masks, which are also the slow and
// clear statement of what the kernels do.
#pragma once

#include <ATen/ATen.h>

namespace mixmatch {

// Attention within each sequence: [N, D] from qkv [N, 3D]. offsets: int64 [sequences + 1], on the
// CPU. Differentiable in qkv.
at::Tensor RaggedAttention(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads);

// The same through padding and masks, on any device.
at::Tensor PaddedAttention(const at::Tensor& qkv, const at::Tensor& offsets, int64_t heads);

// Mean of each sequence's tokens: [sequences, D] from [N, D]. Differentiable in tokens.
at::Tensor RaggedMean(const at::Tensor& tokens, const at::Tensor& offsets);

}  // namespace mixmatch
