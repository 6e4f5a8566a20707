// The rows of one segment: items and their vectors, in memory that never moves.
//
// One thread appends; others read rows below a count that they were told under a lock. Capacity is
// fixed at construction; pages that are not written take no memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/ids.h"
#include "storage/index/codes.h"
#include "storage/index/kernels.h"
#include "storage/index/top_k.h"

namespace mixmatch {

// Thread-safety: one thread appends; rows below a published count are immutable, safe to share.
class Rows {
 public:
  Rows(uint64_t first_row, size_t capacity, size_t dimension);

  // Copies items [n] and vectors [n, E] behind the last row. Requires n <= capacity() - size().
  void Append(std::span<const ItemId> items, const float* vectors);

  // Number of this segment's first row in its partition.
  uint64_t first_row() const { return first_row_; }
  size_t capacity() const { return capacity_; }
  size_t dimension() const { return dimension_; }
  // For the appending thread alone.
  size_t size() const { return size_; }

  ItemId item(size_t row) const { return items_[row]; }
  const float* vector(size_t row) const { return vectors_.get() + row * dimension_; }
  // The same vectors once more, as lists will keep them.
  const Codes& codes() const { return codes_; }

  // Offers rows [0, count) to `nearest`: all of them, or those whose seq is in `allowed` (sorted).
  // Exact. Returns how many were compared.
  size_t Scan(size_t count, const CodeQuery& query, ModalityId partition,
              const std::vector<Seq>* allowed, TopK& nearest) const;

 private:
  float Similarity(size_t row, const CodeQuery& query) const;
  void Offer(size_t row, const CodeQuery& query, ModalityId partition, TopK& nearest) const;

  const uint64_t first_row_;
  const size_t capacity_;
  const size_t dimension_;
  const DotFunction dot_ = BestDot();
  size_t size_ = 0;
  std::unique_ptr<ItemId[]> items_;   // [capacity]
  std::unique_ptr<float[]> vectors_;  // [capacity, E]
  Codes codes_;                       // [capacity]
};

}  // namespace mixmatch
