// Matrix products of numbers rounded to bfloat16, with sums in fp32: more of them in the
// same time than in fp32, where the CPU has AMX, or is of AMD and has AVX512-BF16.
//
// core/encoder/product.h takes them for training; what is served is computed in fp32, so that one
// memory has the same embeddings on every machine.
#pragma once

#include <cstdint>

namespace mixmatch {

// Whether this CPU has instructions for it.
bool Bf16Supported();
// Whether they are faster than those for fp32. Of the CPU alone: the same at every start.
bool Bf16Faster();

// How it is computed; sums are in another order in each.
enum class Bf16Kernel {
  kVectors,  // AVX512-BF16
  kTiles,    // AMX
};
// Whether this CPU, and the system, allow it.
bool Bf16Supports(Bf16Kernel kernel);
// The one that is computed with: tiles where they are supported.
Bf16Kernel Bf16BestKernel();

// A matrix whose element (row, column) is data[row * row_stride + column * column_stride]; one of
// both strides is 1.
struct Bf16Operand {
  const float* data = nullptr;
  int64_t row_stride = 0;
  int64_t column_stride = 1;
};

// C [m, n] = A [m, k] B [k, n] + S; rows of C are contiguous, `c_stride` apart. S is what C starts
// from: nothing (null), one row for all (`start_stride` 0), or a matrix that may be C itself.
// Numbers of A and B are rounded to bfloat16 (to nearest even; subnormal numbers count as 0), sums
// are in fp32, always in the same order: the result does not depend on the number of threads of the
// calling thread's OpenMP team, on which it computes. Requires Bf16Supports(kernel). Thread-safe.
void Bf16Gemm(int64_t m, int64_t n, int64_t k, const Bf16Operand& a, const Bf16Operand& b,
              const float* start, int64_t start_stride, float* c, int64_t c_stride,
              Bf16Kernel kernel = Bf16BestKernel());

}  // namespace mixmatch
