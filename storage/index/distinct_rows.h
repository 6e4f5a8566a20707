// The rows of a segment in groups of all but equal vectors.
//
// The same word comes back every second, and its embedding with it. A graph over many equal points
// falls apart: each links to its equals alone, and nothing leads out. So it is built over one row
// of each group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "storage/index/rows.h"

namespace mixmatch {

// The most by which two vectors of a group may differ in a coordinate. The same content embedded in
// batches of other shapes differs in the last bits; this is far above them, and far below what
// tells content apart.
inline constexpr float kGroupCell = 1.0f / 8192;

// Thread-safety: Immutable; safe to share.
class DistinctRows {
 public:
  // Groups rows [0, rows.capacity()), all of which must be there. Deterministic: groups are in the
  // order of their first rows. Cost: one pass.
  explicit DistinctRows(const Rows& rows);

  size_t size() const { return starts_.size() - 1; }
  // The rows of a group, in order; never empty.
  std::span<const uint32_t> group(size_t i) const {
    return std::span(members_).subspan(starts_[i], starts_[i + 1] - starts_[i]);
  }
  // The row that stands for a group.
  size_t representative(size_t i) const { return members_[starts_[i]]; }

 private:
  std::vector<uint32_t> starts_;   // [groups + 1], into members_
  std::vector<uint32_t> members_;  // [rows]
};

}  // namespace mixmatch
