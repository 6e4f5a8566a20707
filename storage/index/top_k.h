// The k nearest of what is offered.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/generations/embedding_space.h"

namespace mixmatch {

// Nearest first; ties by item, then by partition, so that equal stores answer equally.
inline bool IsNearer(const Neighbour& a, const Neighbour& b) {
  if (a.similarity != b.similarity) return a.similarity > b.similarity;
  if (a.item != b.item) return a.item < b.item;
  return a.partition < b.partition;
}

// Thread-safety: Not thread-safe: one owner thread.
// Invariant: heap_ is a heap whose front is the farthest kept.
class TopK {
 public:
  explicit TopK(size_t k) : k_(k) {}

  void Offer(const Neighbour& neighbour) {
    if (heap_.size() < k_) {
      heap_.push_back(neighbour);
      std::push_heap(heap_.begin(), heap_.end(), IsNearer);
    } else if (k_ > 0 && IsNearer(neighbour, heap_.front())) {
      std::pop_heap(heap_.begin(), heap_.end(), IsNearer);
      heap_.back() = neighbour;
      std::push_heap(heap_.begin(), heap_.end(), IsNearer);
    }
  }

  bool full() const { return heap_.size() == k_; }

  // A similarity below this one is not kept any more.
  float threshold() const { return heap_.size() < k_ ? -2.0f : heap_.front().similarity; }

  // What was kept, nearest first.
  std::vector<Neighbour> Take() {
    std::sort_heap(heap_.begin(), heap_.end(), IsNearer);
    return std::move(heap_);
  }

 private:
  const size_t k_;
  std::vector<Neighbour> heap_;
};

}  // namespace mixmatch
