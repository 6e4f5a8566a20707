// A graph (FAISS HNSW) over the rows of one sealed segment.
//
// FAISS' own distances are compiled without AVX and its serialised form is not checked when it is
// read, so both are ours: distances from kernels.h, and the links as a record of records.proto.
// Vectors stay where they are, in Rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/index/rows.h"
#include "storage/index/spaces.h"

namespace mixmatch {

// Thread-safety: Immutable; safe to share.
class Graph {
 public:
  // Builds over rows [0, rows.capacity()), all of which must be there. Takes seconds, on the
  // calling thread alone. CANCELLED soon after `stop` becomes true.
  static absl::StatusOr<std::shared_ptr<const Graph>> Build(std::shared_ptr<const Rows> rows,
                                                            const IndexOptions& options,
                                                            const std::atomic<bool>& stop);
  // The links as bytes, without the vectors; and back. DATA_LOSS for bytes that are no graph over
  // these rows.
  std::string Serialize() const;
  static absl::StatusOr<std::shared_ptr<const Graph>> Deserialize(std::shared_ptr<const Rows> rows,
                                                                  const IndexOptions& options,
                                                                  const std::string& bytes);

  ~Graph();

  // Adds the about k nearest rows to `found`, in no order; fewer than k where the graph does not
  // reach more. Returns how many were compared. On the calling thread alone.
  absl::StatusOr<uint64_t> Search(const float* query, size_t k, std::vector<size_t>& found) const;

  // Whether a search for k looks at so much of the graph that looking at everything is no slower.
  bool IsWorthwhile(size_t k) const;

 private:
  class Impl;
  explicit Graph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch
