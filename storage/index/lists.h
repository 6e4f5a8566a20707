// Inverted lists over the rows of one sealed segment: each row lies in the list of the centre that
// it is nearest to, and a search looks through the lists of the centres nearest to the query.
//
// Rows of all but equal content are one point: the same word comes back every second, and its
// embedding with it. Points are kept as codes, in the order of the lists, so that looking through a
// list reads memory from one end to the other: first the high bytes, then both of what may count.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/ids.h"
#include "storage/index/codes.h"
#include "storage/index/rows.h"
#include "storage/index/spaces.h"
#include "storage/index/top_k.h"

namespace mixmatch {

class Lists;

// What lists are built of: rows that are full, or lists; the next one's rows follow this one's.
struct ListsSource {
  std::shared_ptr<const Rows> rows;    // all of its capacity
  std::shared_ptr<const Lists> lists;  // where rows is null
};

// Thread-safety: Immutable once made; safe to share.
class Lists {
 public:
  // Builds over the rows of all sources, in their order. On the calling thread alone; about 20 us a
  // row. CANCELLED soon after `stop` becomes true.
  static absl::StatusOr<std::shared_ptr<const Lists>> Build(std::span<const ListsSource> sources,
                                                            const IndexOptions& options,
                                                            const std::atomic<bool>& stop);

  // Centres and the places of rows as bytes, without the vectors.
  std::string Serialize() const;

  // Makes lists of what Serialize() gave and of the rows, which come once more.
  // Thread-safety: Not thread-safe: one owner thread.
  class Loader {
   public:
    // DATA_LOSS for bytes that are no lists over `count` rows.
    static absl::StatusOr<std::unique_ptr<Loader>> Create(uint64_t first_row, size_t count,
                                                          size_t dimension,
                                                          const IndexOptions& options,
                                                          const std::string& bytes);
    // Takes items [n] and vectors [n, d] of the next rows. Requires n <= missing().
    void Append(std::span<const ItemId> items, const float* vectors);
    size_t missing() const { return lists_->count() - next_row_; }
    // The lists, once nothing is missing.
    std::shared_ptr<const Lists> Take() { return std::move(lists_); }

   private:
    explicit Loader(std::shared_ptr<Lists> lists)
        : lists_(std::move(lists)), set_(lists_->points()) {}
    std::shared_ptr<Lists> lists_;
    std::vector<bool> set_;  // points that have their codes
    size_t next_row_ = 0;
  };

  uint64_t first_row() const { return first_row_; }
  size_t count() const { return items_.size(); }  // rows
  size_t dimension() const { return codes_.dimension(); }
  size_t points() const { return point_rows_begin_.size() - 1; }

  ItemId item(size_t row) const { return items_[row]; }
  // Decodes to x [d].
  void Decode(size_t row, float* x) const { codes_.Decode(point_of_row_[row], x); }

  struct Outcome {
    bool exact = true;      // every list was looked through
    uint64_t compared = 0;  // points
  };
  struct Wanted {
    size_t k = 0;
    size_t equal_max = 0;  // rows of one point
  };
  // Offers the about k nearest rows; k of them whenever there are as many. With `allowed` (sorted
  // values of ItemId::seq()), rows of these alone. On the calling thread.
  Outcome Search(const CodeQuery& query, Wanted wanted, ModalityId partition,
                 const std::vector<Seq>* allowed, TopK& nearest) const;

 private:
  Lists(uint64_t first_row, size_t count, size_t points, size_t dimension, size_t lists,
        const IndexOptions& options);
  class Builder;

  // Compares rows of these events alone.
  Outcome SearchRows(const CodeQuery& query, ModalityId partition, std::span<const Seq> allowed,
                     TopK& nearest) const;
  // About how many rows are of events in `allowed`.
  size_t PassingAbout(const std::vector<Seq>& allowed) const;
  // Fills what follows from point_of_row_.
  void IndexRows();
  // The row whose item is the i-th smallest.
  size_t RowByItem(size_t i) const { return by_item_.empty() ? i : by_item_[i]; }
  // The lists in the order in which they are looked through: the `sorted` nearest come first.
  std::vector<uint32_t> Order(const CodeQuery& query, size_t sorted) const;

  const IndexOptions options_;
  const uint64_t first_row_;
  Codes centres_;                           // [lists]
  std::vector<uint32_t> list_begin_;        // [lists + 1], points
  Codes codes_;                             // [points]
  std::vector<ItemId> items_;               // [rows]
  std::vector<uint32_t> point_of_row_;      // [rows]
  std::vector<uint32_t> point_rows_begin_;  // [points + 1], into point_rows_
  std::vector<uint32_t> point_rows_;        // [rows], within a point by rising item
  std::vector<uint32_t> by_item_;           // [rows] by rising item; empty where they rise anyway
};

}  // namespace mixmatch
