// A graph (FAISS HNSW) over the rows of one sealed segment.
//
// FAISS' own distances are compiled without AVX and its serialised form is not checked when it is
// read, so both are ours: distances from kernels.h, and the links as a record of records.proto.
// Vectors stay where they are, in Rows; all but equal ones are one point (distinct_rows.h).
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
#include "storage/index/top_k.h"

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

  struct Outcome {
    bool complete = false;  // k rows were offered, or all there are; otherwise none was
    bool by_graph = false;  // the nearest may have been missed
    uint64_t compared = 0;
  };
  // Offers the about k nearest rows to `nearest`. Where the graph reaches too few, or looking
  // through it is no faster than through everything, nothing is offered. On the calling thread
  // alone.
  absl::StatusOr<Outcome> Search(const float* query, size_t k, ModalityId partition,
                                 TopK& nearest) const;

 private:
  class Impl;
  struct Candidate {
    float similarity = 0;
    size_t group = 0;
  };
  // About the k groups nearest to a query, through the graph.
  absl::Status FindGroups(const float* query, size_t k, std::vector<Candidate>& found) const;

  explicit Graph(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch
