// Vectors are cut to a grid; rows with the same cell are a group.
#include "storage/index/distinct_rows.h"

#include <xxhash.h>

#include <cmath>

#include "absl/container/flat_hash_map.h"

namespace mixmatch {
namespace {

// A 128-bit name of the cell that a vector lies in.
std::pair<uint64_t, uint64_t> CellOf(const float* vector, std::vector<int32_t>& cell) {
  for (size_t j = 0; j < cell.size(); ++j) {
    cell[j] = static_cast<int32_t>(std::lround(vector[j] / kGroupCell));
  }
  const XXH128_hash_t hash = XXH3_128bits(cell.data(), cell.size() * sizeof(int32_t));
  return {hash.high64, hash.low64};
}

}  // namespace

DistinctRows::DistinctRows(const Rows& rows) {
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, uint32_t> groups;
  std::vector<uint32_t> group_of(rows.capacity());
  std::vector<uint32_t> sizes;
  std::vector<int32_t> cell(rows.dimension());
  for (size_t row = 0; row < rows.capacity(); ++row) {
    const auto [found, added] =
        groups.try_emplace(CellOf(rows.vector(row), cell), static_cast<uint32_t>(sizes.size()));
    if (added) sizes.push_back(0);
    group_of[row] = found->second;
    ++sizes[found->second];
  }
  starts_.assign(1, 0);
  for (const uint32_t size : sizes) starts_.push_back(starts_.back() + size);
  members_.resize(rows.capacity());
  std::vector<uint32_t> next(starts_.begin(), starts_.end() - 1);
  for (size_t row = 0; row < rows.capacity(); ++row) {
    members_[next[group_of[row]]++] = static_cast<uint32_t>(row);
  }
}

}  // namespace mixmatch
