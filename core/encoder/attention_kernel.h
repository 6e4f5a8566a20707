// Attention within sequences that lie one after another in a matrix of tokens: no padding, hence no
// masks, and nothing of a neighbour can leak in. For CPUs; plain numbers, no torch.
//
// Letters: N tokens of all sequences, T tokens of one, D width, H heads.
#pragma once

#include <cstdint>
#include <span>

namespace mixmatch {

struct AttentionShape {
  // [sequences + 1]: sequence s is the tokens offsets[s] .. offsets[s + 1]; no sequence is empty.
  std::span<const int64_t> offsets;
  int64_t heads = 1;
  int64_t width = 0;  // D, a multiple of heads

  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t head_width() const { return width / heads; }
};

// out [N, D] = softmax(Q K^T / sqrt(D / H)) V, per sequence and head, where a row of qkv [N, 3D]
// is a token's query, key and value. log_sums [N, H] receives the logarithm of each softmax's
// denominator. Uses the calling thread's OpenMP team.
void AttentionForward(const AttentionShape& shape, const float* qkv, float* out, float* log_sums);

// grad_qkv [N, 3D] = the gradient of what gave out and log_sums, from grad_out [N, D].
void AttentionBackward(const AttentionShape& shape, const float* qkv, const float* out,
                       const float* log_sums, const float* grad_out, float* grad_qkv);

}  // namespace mixmatch
