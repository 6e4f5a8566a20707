// hnswlib beside our index: the same vectors, the same questions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mixmatch {

// Thread-safety: Search is safe for concurrent use once it is built.
class HnswReference {
 public:
  // Builds over vectors [n, d] on `threads` threads. The vectors are copied.
  HnswReference(std::span<const float> vectors, size_t dimension, size_t m, size_t ef_construction,
                int threads);
  ~HnswReference();

  void SetEf(size_t ef);
  // The rows of the k nearest by inner product, in no order.
  std::vector<uint32_t> Search(const float* query, size_t k) const;
  // Of memory, for one vector, by the library's own layout.
  size_t bytes_per_vector() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch
