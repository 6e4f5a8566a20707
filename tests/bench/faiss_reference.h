// Plain FAISS beside our index: inverted lists over whole vectors, as its package has them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mixmatch {

// Thread-safety: Search is safe for concurrent use once it is built.
class FaissReference {
 public:
  // Trains `lists` centres on 64 vectors each and builds over vectors [n, d], by inner product,
  // on as many threads as OpenMP has.
  FaissReference(std::span<const float> vectors, size_t dimension, size_t lists);
  ~FaissReference();

  // How many lists are looked through; at least 1.
  void SetProbes(size_t probes);
  // The rows of the k nearest, nearest first; fewer where the lists have fewer.
  std::vector<uint32_t> Search(const float* query, size_t k) const;
  // Of memory, for one vector: its numbers and its id.
  size_t bytes_per_vector() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch
