// FAISS and BLAS start a team of threads by the calling thread's setting: one, while this lives.
#pragma once

#include <omp.h>

namespace mixmatch {

class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_;
};

}  // namespace mixmatch
