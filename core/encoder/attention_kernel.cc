// One task per (sequence, head). The backward pass computes the attention weights again from the
// stored denominators: cheaper than to keep and fetch them.
#include "core/encoder/attention_kernel.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/encoder/small_gemm.h"

namespace mixmatch {
namespace {

// Reused from call to call, so that a task allocates nothing.
struct Scratch {
  std::vector<float> transposed;  // [d, P]
  std::vector<float> weights;     // [T, P]
  std::vector<float> gradients;   // [T, P]
};

// One sequence and head: T tokens of width d, rows `stride` apart; P is T rounded up.
struct Head {
  int64_t tokens;
  int64_t padded;
  int64_t width;
  int64_t stride;      // of q, k, v
  int64_t out_stride;  // of out
  int64_t sum_stride;  // of log_sums
  float scale;
};

// to [d, P] = from [T, d] transposed; columns from T to P are 0.
MM_ALWAYS_INLINE void Transpose(const Head& head, const float* from, int64_t stride, float* to) {
  int64_t c = 0;
  for (; c + kLanes <= head.width; c += kLanes) {
    for (int64_t t = 0; t < head.padded; t += kLanes) {
      FloatLanes rows[kLanes];
      const int64_t inside = head.tokens - t;
      for (int64_t r = 0; r < kLanes; ++r) {
        rows[r] = r < inside ? *LanesAt(from + (t + r) * stride + c) : FloatLanes{};
      }
      TransposeLanes(rows);
      for (int64_t r = 0; r < kLanes; ++r) *LanesAt(to + (c + r) * head.padded + t) = rows[r];
    }
  }
  for (; c < head.width; ++c) {
    float* row = to + c * head.padded;
    for (int64_t t = 0; t < head.tokens; ++t) row[t] = from[t * stride + c];
    for (int64_t t = head.tokens; t < head.padded; ++t) row[t] = 0;
  }
}

MM_ALWAYS_INLINE float Dot(int64_t count, const float* a, const float* b) {
  FloatLanes sums = {};
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) sums += *LanesAt(a + i) * *LanesAt(b + i);
  float sum = SumLanes(sums);
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

// What stands in the columns from T to P: its weight is next to nothing.
constexpr float kNoScore = -1e30F;

// Turns a row of scores into attention weights; returns the logarithm of the denominator.
MM_ALWAYS_INLINE float Softmax(const Head& head, float* row) {
  for (int64_t t = head.tokens; t < head.padded; ++t) row[t] = kNoScore;
  float top = row[0];
  for (int64_t t = 1; t < head.tokens; ++t) top = std::max(top, row[t]);
  FloatLanes sums = {};
  for (int64_t t = 0; t < head.padded; t += kLanes) {
    FloatLanes lanes = (*LanesAt(row + t) - top) * head.scale;
    ExpInPlace(lanes);
    *LanesAt(row + t) = lanes;
    sums += lanes;
  }
  const float sum = SumLanes(sums);
  const float inverse = 1.0F / sum;
  for (int64_t t = 0; t < head.padded; t += kLanes) *LanesAt(row + t) *= inverse;
  return top * head.scale + std::log(sum);
}

MM_SIMD_CLONES void ForwardHead(const Head& head, const float* q, const float* k, const float* v,
                                float* out, float* log_sums, float* transposed, float* weights) {
  Transpose(head, k, head.stride, transposed);
  SmallGemm(head.tokens, head.padded, head.width, {q, head.stride, 1}, transposed, head.padded,
            weights, head.padded);
  for (int64_t t = 0; t < head.tokens; ++t) {
    log_sums[t * head.sum_stride] = Softmax(head, weights + t * head.padded);
  }
  SmallGemm(head.tokens, head.width, head.tokens, {weights, head.padded, 1}, v, head.stride, out,
            head.out_stride);
}

MM_SIMD_CLONES void BackwardHead(const Head& head, const float* qkv, int64_t width,
                                 const float* out, const float* log_sums, const float* grad_out,
                                 float* grad_qkv, Scratch& scratch) {
  const float* q = qkv;
  const float* k = qkv + width;
  const float* v = qkv + 2 * width;
  float* weights = scratch.weights.data();
  float* gradients = scratch.gradients.data();
  float* transposed = scratch.transposed.data();
  const int64_t p = head.padded;

  Transpose(head, k, head.stride, transposed);
  SmallGemm(head.tokens, p, head.width, {q, head.stride, 1}, transposed, p, weights, p);
  Transpose(head, v, head.stride, transposed);
  SmallGemm(head.tokens, p, head.width, {grad_out, head.out_stride, 1}, transposed, p, gradients,
            p);
  for (int64_t t = 0; t < head.tokens; ++t) {
    float* weight = weights + t * p;
    float* gradient = gradients + t * p;
    // Of the gradient under the weights, which is out . grad_out.
    const float mean = Dot(head.width, out + t * head.out_stride, grad_out + t * head.out_stride);
    const float log_sum = log_sums[t * head.sum_stride];
    for (int64_t j = head.tokens; j < p; ++j) weight[j] = kNoScore;
    for (int64_t j = 0; j < p; j += kLanes) {
      FloatLanes lanes = *LanesAt(weight + j) * head.scale - log_sum;
      lanes = lanes > 0.0F ? FloatLanes{} : lanes;
      ExpInPlace(lanes);
      *LanesAt(weight + j) = lanes;
      *LanesAt(gradient + j) = lanes * (*LanesAt(gradient + j) - mean) * head.scale;
    }
  }
  SmallGemm(head.tokens, head.width, head.tokens, {gradients, p, 1}, k, head.stride, grad_qkv,
            head.stride);
  SmallGemm(head.tokens, head.width, head.tokens, {gradients, 1, p}, q, head.stride,
            grad_qkv + width, head.stride);
  SmallGemm(head.tokens, head.width, head.tokens, {weights, 1, p}, grad_out, head.out_stride,
            grad_qkv + 2 * width, head.stride);
}

Head HeadOf(const AttentionShape& shape, int64_t sequence) {
  const auto s = static_cast<size_t>(sequence);
  const int64_t tokens = shape.offsets[s + 1] - shape.offsets[s];
  return {.tokens = tokens,
          .padded = (tokens + kLanes - 1) / kLanes * kLanes,
          .width = shape.head_width(),
          .stride = 3 * shape.width,
          .out_stride = shape.width,
          .sum_stride = shape.heads,
          .scale = 1.0F / std::sqrt(static_cast<float>(shape.head_width()))};
}

Scratch& ScratchFor(const Head& head) {
  thread_local Scratch scratch;
  const auto square = static_cast<size_t>(head.tokens * head.padded);
  const auto panel = static_cast<size_t>(head.width * head.padded);
  if (scratch.weights.size() < square) {
    scratch.weights.resize(square);
    scratch.gradients.resize(square);
  }
  if (scratch.transposed.size() < panel) scratch.transposed.resize(panel);
  return scratch;
}

}  // namespace

void AttentionForward(const AttentionShape& shape, const float* qkv, float* out, float* log_sums) {
  const int64_t tasks = shape.sequences() * shape.heads;
#pragma omp parallel for schedule(dynamic, 8) if (tasks > 16)
  for (int64_t task = 0; task < tasks; ++task) {
    const int64_t sequence = task / shape.heads;
    const int64_t h = task % shape.heads;
    const int64_t first = shape.offsets[static_cast<size_t>(sequence)];
    const Head head = HeadOf(shape, sequence);
    Scratch& scratch = ScratchFor(head);
    const float* q = qkv + first * head.stride + h * head.width;
    ForwardHead(head, q, q + shape.width, q + 2 * shape.width,
                out + first * shape.width + h * head.width, log_sums + first * shape.heads + h,
                scratch.transposed.data(), scratch.weights.data());
  }
}

void AttentionBackward(const AttentionShape& shape, const float* qkv, const float* out,
                       const float* log_sums, const float* grad_out, float* grad_qkv) {
  const int64_t tasks = shape.sequences() * shape.heads;
#pragma omp parallel for schedule(dynamic, 8) if (tasks > 16)
  for (int64_t task = 0; task < tasks; ++task) {
    const int64_t sequence = task / shape.heads;
    const int64_t h = task % shape.heads;
    const int64_t first = shape.offsets[static_cast<size_t>(sequence)];
    const Head head = HeadOf(shape, sequence);
    const int64_t at = first * head.stride + h * head.width;
    const int64_t out_at = first * shape.width + h * head.width;
    BackwardHead(head, qkv + at, shape.width, out + out_at, log_sums + first * shape.heads + h,
                 grad_out + out_at, grad_qkv + at, ScratchFor(head));
  }
}

}  // namespace mixmatch
