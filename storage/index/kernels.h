// Inner products of float vectors, as fast as the CPU at hand allows.
//
// FAISS' packages are built without AVX, so what they compare with is replaced by this.
#pragma once

#include <cstddef>
#include <string_view>

namespace mixmatch {

enum class SimdLevel { kPortable, kAvx2, kAvx512 };

// "portable", "avx2", "avx512".
std::string_view SimdLevelName(SimdLevel level);

// Whether this CPU can.
bool IsSupported(SimdLevel level);

// The inner product of a [d] and b [d]; no alignment needed. Thread-safe.
using DotFunction = float (*)(const float* a, const float* b, size_t d);

// Requires IsSupported(level).
DotFunction DotFor(SimdLevel level);

// The fastest that this CPU can.
DotFunction BestDot();

}  // namespace mixmatch
