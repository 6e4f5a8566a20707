// One generation's embeddings: what is stored, and the segments in memory that are searched.
//
// Takes embeddings in appending order; gives nearest neighbours.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/generations/embedding_space.h"
#include "storage/index/lists.h"
#include "storage/index/lists_builder.h"
#include "storage/index/rows.h"
#include "storage/index/space_store.h"
#include "storage/index/spaces.h"
#include "storage/index/top_k.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use; one thread at a time appends.
// Invariants:
//   1. Segments of a partition are consecutive ranges of rows; only the last one grows.
//   2. A segment has rows, or lists over exactly these rows.
//   3. What a search sees was given to the database before.
//   4. What is written in bulk is not logged; before anything else is appended it is flushed. So
//      after a crash the space is as it was at some moment.
// Lock order: append_mu_ or install_mu_, then mu_ or cursor_mu_.
class StoredSpace final : public EmbeddingSpace {
 public:
  StoredSpace(Generation generation, size_t dimension, SpaceStore store,
              const IndexOptions& options);

  // Takes up what is stored; queues lists that are missing or damaged. DATA_LOSS for embeddings.
  absl::Status Load();
  // From now on nothing is appended: the column family goes.
  void Retire() { retired_ = true; }
  // Whether lists are built and merged as far as they will be, until more is appended.
  bool settled() const { return sealer_.rests() && merger_.rests(); }

  Generation generation() const override { return generation_; }
  int dimension() const override { return static_cast<int>(dimension_); }
  uint64_t count() const override { return count_; }
  SpaceCursor cursor() const override;
  absl::Status Append(std::span<const EmbeddedItem> items, std::span<const float> vectors,
                      SpaceCursor next, bool background) override;
  absl::Status Flush() override;
  absl::Status Read(ModalityId partition, ItemId item, std::span<float> out) const override;
  absl::Status ReadFound(const Neighbour& found, std::span<float> out) const override;
  absl::StatusOr<SearchResult> Search(std::span<const ModalityId> partitions,
                                      std::span<const float> query, size_t k,
                                      const std::vector<Seq>* allowed,
                                      size_t equal_max) const override;
  using EmbeddingSpace::Search;

 private:
  struct Segment {
    std::shared_ptr<Rows> rows;          // null once there are lists
    std::shared_ptr<const Lists> lists;  // over all rows
    size_t count = 0;                    // rows that readers may see

    uint64_t first_row() const { return rows != nullptr ? rows->first_row() : lists->first_row(); }
    bool full() const { return rows == nullptr || count == rows->capacity(); }
    ItemId item(size_t row) const { return rows != nullptr ? rows->item(row) : lists->item(row); }
    void Read(size_t row, std::span<float> out) const;
  };
  struct Part {
    ModalityId partition = 0;
    Segment segment;
  };

  absl::Status CheckAppend(std::span<const EmbeddedItem> items,
                           std::span<const float> vectors) const;
  // Writes what is not logged to tables.
  absl::Status FlushUnlogged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu_);
  // Sorts rows by partition into blocks, behind what is stored.
  std::vector<Block> MakeBlocks(std::span<const EmbeddedItem> items,
                                std::span<const float> vectors) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu_);
  // Puts rows of a block, from `done` on, behind the partition's in memory. `stored`: while
  // loading, where stored lists lie; otherwise null. Returns how many rows it took. One thread at a
  // time for each partition.
  size_t AddRows(const Block& block, size_t done, const ListsRows* stored);
  // Rows that a new segment at `place` is to have.
  size_t CapacityAt(keys::RowKey place, const ListsRows* stored) const;
  // Puts a partition's stored blocks into memory. DATA_LOSS.
  absl::Status LoadPartition(ModalityId partition, const ListsRows& stored);
  // Puts one into the lists that it belongs to, which are on their way into memory, or into rows.
  void LoadBlock(const Block& block, const ListsRows& stored,
                 std::unique_ptr<Lists::Loader>& lists);
  // A loader for the lists that are stored at this place; null where there are none, or damaged.
  std::unique_ptr<Lists::Loader> LoaderAt(keys::RowKey place, const ListsRows& stored) const;

  // The next segment to build lists over.
  std::optional<ListsBuilder::Job> NextToSeal();
  // The first of the segments up to `end` that become one: where they are of one size and many
  // enough; while idle, as many as are not small beside what lies before them. `end`: none do.
  size_t MergedFrom(const std::vector<Segment>& segments, size_t end, bool idle) const;
  // The next lists to merge.
  std::optional<ListsBuilder::Job> NextToMerge(bool idle);
  // Puts what was built in the place of its segments.
  void Install(const ListsBuilder::Job& job, const std::shared_ptr<const Lists>& lists);

  const Generation generation_;
  const size_t dimension_;
  const SpaceStore store_;
  const IndexOptions options_;
  std::atomic<bool> retired_{false};
  std::atomic<bool> logged_{true};  // whether all rows are, or flushed; changes under append_mu_
  std::atomic<uint64_t> count_{0};

  absl::Mutex install_mu_;  // held while lists are shown and written: in the same order
  absl::Mutex append_mu_;
  mutable absl::Mutex mu_;  // short: readers copy what they need
  std::map<ModalityId, std::vector<Segment>> partitions_ ABSL_GUARDED_BY(mu_);
  // First rows of segments whose lists could not be built: they stay as they are.
  std::set<std::pair<ModalityId, uint64_t>> given_up_ ABSL_GUARDED_BY(mu_);

  // Every acknowledgement asks for the cursor: nothing takes long under this one.
  mutable absl::Mutex cursor_mu_;
  SpaceCursor cursor_ ABSL_GUARDED_BY(cursor_mu_);

  // Last, so that their threads end first. Each changes segments of its own kind alone: rows that
  // become lists, and lists that become one.
  ListsBuilder merger_;
  ListsBuilder sealer_;  // wakes the merger
};

}  // namespace mixmatch
