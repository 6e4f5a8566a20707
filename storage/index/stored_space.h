// One generation's embeddings: what is stored, and the segments in memory that are searched.
//
// Takes embeddings in appending order; gives nearest neighbours.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/generations/embedding_space.h"
#include "storage/index/graph.h"
#include "storage/index/graph_builder.h"
#include "storage/index/rows.h"
#include "storage/index/space_store.h"
#include "storage/index/spaces.h"
#include "storage/index/top_k.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use; one thread at a time appends.
// Invariants:
//   1. Segments of a partition are consecutive ranges of rows; only the last one grows.
//   2. A graph covers exactly the rows of its segment.
//   3. What a search sees was on its way to the disk before.
// Lock order: append_mu_ before mu_.
class StoredSpace final : public EmbeddingSpace {
 public:
  StoredSpace(Generation generation, size_t dimension, SpaceStore store,
              const IndexOptions& options);

  // Takes up what is stored; queues graphs that are missing or damaged. DATA_LOSS for embeddings.
  absl::Status Load();
  // From now on nothing is appended: the column family goes.
  void Retire() { retired_ = true; }

  Generation generation() const override { return generation_; }
  int dimension() const override { return static_cast<int>(dimension_); }
  uint64_t count() const override { return count_; }
  SpaceCursor cursor() const override;
  absl::Status Append(std::span<const EmbeddedItem> items, std::span<const float> vectors,
                      SpaceCursor next, bool background) override;
  absl::Status Read(ModalityId partition, ItemId item, std::span<float> out) const override;
  absl::StatusOr<SearchResult> Search(std::span<const ModalityId> partitions,
                                      std::span<const float> query, size_t k,
                                      const std::vector<Seq>* allowed) const override;

 private:
  struct Segment {
    std::shared_ptr<Rows> rows;
    size_t count = 0;  // rows that readers may see
    std::shared_ptr<const Graph> graph;
  };
  struct Part {
    ModalityId partition = 0;
    Segment segment;
  };

  absl::Status CheckAppend(std::span<const EmbeddedItem> items,
                           std::span<const float> vectors) const;
  // Sorts rows by partition into blocks, behind what is stored.
  std::vector<Block> MakeBlocks(std::span<const EmbeddedItem> items,
                                std::span<const float> vectors) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu_);
  // Puts a block behind the partition's rows in memory. While loading, `stored` says where stored
  // graphs lie; otherwise it is null, and segments that become full get theirs built.
  void AddRows(const Block& block, const GraphRows* stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu_);
  // Rows that a new segment at `place` is to have.
  size_t CapacityAt(keys::RowKey place, const GraphRows* stored) const;
  void InstallGraph(ModalityId partition, const Rows& rows,
                    const std::shared_ptr<const Graph>& graph);
  // Loads or queues the graphs of full segments.
  void LoadGraphs(const GraphRows& stored);
  absl::StatusOr<bool> SearchSegment(const Part& part, const float* query, size_t k,
                                     const std::vector<Seq>* allowed, TopK& nearest,
                                     uint64_t& compared) const;

  const Generation generation_;
  const size_t dimension_;
  const SpaceStore store_;
  const IndexOptions options_;
  std::atomic<bool> retired_{false};
  std::atomic<uint64_t> count_{0};

  absl::Mutex append_mu_;
  mutable absl::Mutex mu_;  // short: readers copy what they need
  std::map<ModalityId, std::vector<Segment>> partitions_ ABSL_GUARDED_BY(mu_);
  SpaceCursor cursor_ ABSL_GUARDED_BY(mu_);

  GraphBuilder builder_;  // last, so that its thread ends first
};

}  // namespace mixmatch
