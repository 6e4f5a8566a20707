// Exact search, which what is found by an index is held against.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "storage/index/kernels.h"

namespace mixmatch {

// For each of queries [q, d], the rows of the k nearest of vectors [n, d] by inner product among
// those that `passes(row)`, in no order.
template <typename Passes>
std::vector<std::vector<uint32_t>> ExactNearest(const std::vector<float>& vectors,
                                                const std::vector<float>& queries, size_t d,
                                                size_t k, const Passes& passes) {
  const DotFunction dot = BestDot();
  const size_t n = vectors.size() / d;
  std::vector<std::vector<uint32_t>> nearest(queries.size() / d);
  std::vector<std::vector<std::pair<float, uint32_t>>> heaps(nearest.size());
  // A block of rows at a time, so that they are read from memory once.
  constexpr size_t kRows = 512;
  for (size_t first = 0; first < n; first += kRows) {
    for (size_t q = 0; q < nearest.size(); ++q) {
      auto& heap = heaps[q];
      for (size_t row = first; row < std::min(n, first + kRows); ++row) {
        if (!passes(row)) continue;
        const float similarity = dot(queries.data() + q * d, vectors.data() + row * d, d);
        if (heap.size() == k && similarity <= heap.front().first) continue;
        if (heap.size() == k) {
          std::pop_heap(heap.begin(), heap.end(), std::greater<>());
          heap.pop_back();
        }
        heap.emplace_back(similarity, static_cast<uint32_t>(row));
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
      }
    }
  }
  for (size_t q = 0; q < nearest.size(); ++q) {
    for (const auto& [similarity, row] : heaps[q]) nearest[q].push_back(row);
  }
  return nearest;
}

// The share of what is nearest that was found, over all queries; 1 where nothing is.
inline double RecallOf(const std::vector<std::vector<uint32_t>>& found,
                       const std::vector<std::vector<uint32_t>>& exact) {
  size_t hits = 0;
  size_t all = 0;
  for (size_t q = 0; q < exact.size(); ++q) {
    all += exact[q].size();
    for (const uint32_t row : exact[q]) {
      hits += static_cast<size_t>(std::count(found[q].begin(), found[q].end(), row));
    }
  }
  return all == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(all);
}

// The share of what was found that is no farther than the farthest of what is nearest, but for
// `slack` of similarity: what counts where many lie equally near, as the same thing seen again
// does.
inline double RecallWithin(float slack, const std::vector<float>& vectors,
                           const std::vector<float>& queries, size_t d,
                           const std::vector<std::vector<uint32_t>>& found,
                           const std::vector<std::vector<uint32_t>>& exact) {
  const DotFunction dot = BestDot();
  size_t hits = 0;
  size_t all = 0;
  for (size_t q = 0; q < exact.size(); ++q) {
    const auto similarity = [&](uint32_t row) {
      return dot(queries.data() + q * d, vectors.data() + row * d, d);
    };
    float farthest = 2;
    for (const uint32_t row : exact[q]) farthest = std::min(farthest, similarity(row));
    all += exact[q].size();
    hits += static_cast<size_t>(std::count_if(found[q].begin(), found[q].end(), [&](uint32_t row) {
      return similarity(row) >= farthest - slack;
    }));
  }
  return all == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(all);
}

}  // namespace mixmatch
