// Threads and speed of tensor work.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <omp.h>

#include <algorithm>
#include <chrono>

#include "core/encoder/encoder.h"

namespace mixmatch {

void SetComputeThreads(int threads) {
  // Torch sets every thread's count once, lazily, to what was last set anywhere; so have that done
  // before, and then set only this thread's.
  at::internal::lazy_init_num_threads();
  omp_set_num_threads(std::max(threads, 1));
}

double MeasureMatmulGflops() {
  using Seconds = std::chrono::duration<double>;
  constexpr int64_t kSize = 512;
  constexpr double kOperations = 2.0 * kSize * kSize * kSize;
  const c10::NoGradGuard no_gradients;
  const at::Tensor a = at::full({kSize, kSize}, 0.5);
  const at::Tensor b = at::full({kSize, kSize}, 0.25);
  at::Tensor c = at::empty({kSize, kSize});
  at::mm_out(c, a, b);
  double best = 1e9;
  double total = 0;
  while (total < 0.05) {
    const auto start = std::chrono::steady_clock::now();
    at::mm_out(c, a, b);
    const double seconds = Seconds(std::chrono::steady_clock::now() - start).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return kOperations / best / 1e9;
}

}  // namespace mixmatch
