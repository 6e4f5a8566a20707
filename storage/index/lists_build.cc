// Building: points out of rows, centres from a sample of points, points into lists.
#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/base/status.h"
#include "storage/index/clusters.h"
#include "storage/index/lists.h"

namespace mixmatch {
namespace {

// Fewer points than this are one list: looking through it is as fast as choosing lists.
constexpr size_t kListsFromPoints = 1024;
constexpr size_t kSamplePerList = 32;
constexpr int kRounds = 6;
// Lists that are merged begin with the centres that they have.
constexpr int kRoundsOfMerge = 3;
constexpr size_t kBlock = 1024;  // points that are decoded and placed at once

// The most by which two vectors of a point may differ in a coordinate. The same content embedded in
// batches of other shapes differs in the last bits; this is far above them, and far below what
// tells content apart.
constexpr float kSamePoint = 1.0F / 65536;
// Only vectors that come to the same cell of this width are held against each other.
constexpr float kCell = 1.0F / 8192;

size_t ListsFor(size_t points) {
  if (points < kListsFromPoints) return 1;
  return static_cast<size_t>(2 * std::sqrt(static_cast<double>(points)));
}

using Cell = std::pair<uint64_t, uint64_t>;

}  // namespace

// Collects points, then makes lists of them.
class Lists::Builder {
 public:
  Builder(const IndexOptions& options, const std::atomic<bool>& stop)
      : options_(options), stop_(stop) {}

  void Add(const ListsSource& source) {
    const size_t dimension =
        source.rows != nullptr ? source.rows->dimension() : source.lists->dimension();
    if (items_.empty()) {
      first_row_ = source.rows != nullptr ? source.rows->first_row() : source.lists->first_row();
      vector_.resize(dimension);
      other_.resize(dimension);
      cell_.resize(dimension);
    }
    if (source.rows != nullptr) {
      only_lists_ = false;
      const Rows& rows = *source.rows;
      for (size_t row = 0; row < rows.capacity() && !stop_; ++row) {
        items_.push_back(rows.item(row));
        point_of_row_.push_back(PointOf(rows.codes(), row));
      }
      return;
    }
    const Lists& lists = *source.lists;
    std::vector<uint32_t> points(lists.points());
    for (size_t point = 0; point < points.size() && !stop_; ++point) {
      points[point] = PointOf(lists.codes_, point);
    }
    const size_t centres = lists.list_begin_.size() - 1;
    if (centres == 1) only_lists_ = false;  // one list has no centre
    old_centres_.resize(old_centres_.size() + centres * dimension);
    float* const to = old_centres_.data() + old_centres_.size() - centres * dimension;
    for (size_t list = 0; list < centres; ++list)
      lists.centres_.Decode(list, to + list * dimension);
    items_.insert(items_.end(), lists.items_.begin(), lists.items_.end());
    for (const uint32_t point : lists.point_of_row_) point_of_row_.push_back(points[point]);
  }

  absl::StatusOr<std::shared_ptr<const Lists>> Make() {
    const size_t lists = ListsFor(points_.size());
    std::vector<float> centres;
    if (lists == 1) {
      centres.assign(vector_.size(), 0);
    } else {
      std::vector<float> start = OldCentres(lists);
      const int rounds = start.empty() ? kRounds : kRoundsOfMerge;
      MM_ASSIGN_OR_RETURN(
          centres, TrainCentres(Sample(kSamplePerList * lists), vector_.size(), lists, rounds,
                                /*seed=*/1, std::move(start), stop_));
    }
    std::shared_ptr<Lists> made(
        new Lists(first_row_, items_.size(), points_.size(), vector_.size(), lists, options_));
    for (size_t i = 0; i < lists; ++i) made->centres_.Set(i, centres.data() + i * vector_.size());
    std::vector<uint32_t> list_of(points_.size());
    if (lists > 1) Assign(centres, list_of);
    if (stop_) return absl::CancelledError("lists not built: the space is closing; open it again");
    // Points to their places, list by list, in the order of their first rows.
    for (const uint32_t list : list_of) ++made->list_begin_[list + 1];
    std::partial_sum(made->list_begin_.begin(), made->list_begin_.end(), made->list_begin_.begin());
    std::vector<uint32_t> next(made->list_begin_.begin(), made->list_begin_.end() - 1);
    std::vector<uint32_t> place(points_.size());
    for (size_t point = 0; point < points_.size(); ++point) {
      place[point] = next[list_of[point]]++;
      made->codes_.Copy(place[point], *points_[point].codes, points_[point].place);
    }
    for (size_t row = 0; row < items_.size(); ++row) {
      made->point_of_row_[row] = place[point_of_row_[row]];
    }
    made->items_ = std::move(items_);
    made->IndexRows();
    return made;
  }

 private:
  struct Point {
    const Codes* codes;
    size_t place;
  };

  // The point that this vector belongs to, made where there is none.
  uint32_t PointOf(const Codes& codes, size_t place) {
    codes.Decode(place, vector_.data());
    for (size_t i = 0; i < vector_.size(); ++i) {
      cell_[i] = static_cast<int32_t>(std::lrintf(vector_[i] / kCell));
    }
    const XXH128_hash_t hash = XXH3_128bits(cell_.data(), cell_.size() * sizeof(int32_t));
    const auto [found, added] = points_of_cells_.try_emplace(Cell(hash.high64, hash.low64),
                                                             static_cast<uint32_t>(points_.size()));
    if (!added && IsSame(points_[found->second])) return found->second;
    points_.push_back({&codes, place});
    return static_cast<uint32_t>(points_.size() - 1);
  }

  bool IsSame(const Point& point) {
    point.codes->Decode(point.place, other_.data());
    for (size_t i = 0; i < vector_.size(); ++i) {
      if (std::fabs(vector_[i] - other_[i]) > kSamePoint) return false;
    }
    return true;
  }

  std::vector<float> Sample(size_t wanted) const {
    const size_t count = std::min(wanted, points_.size());
    const size_t dimension = vector_.size();
    std::vector<float> sample(count * dimension);
    for (size_t i = 0; i < count; ++i) {
      const Point& point = points_[i * points_.size() / count];
      point.codes->Decode(point.place, sample.data() + i * dimension);
    }
    return sample;
  }

  // Some of the centres that the points' lists have: as many as are wanted, from all of them. None
  // where there are not so many.
  std::vector<float> OldCentres(size_t wanted) const {
    const size_t dimension = vector_.size();
    const size_t count = old_centres_.size() / dimension;
    std::vector<float> centres;
    if (!only_lists_ || count < wanted) return centres;
    for (size_t i = 0; i < wanted; ++i) {
      const auto from =
          old_centres_.begin() + static_cast<ptrdiff_t>(i * count / wanted * dimension);
      centres.insert(centres.end(), from, from + static_cast<ptrdiff_t>(dimension));
    }
    return centres;
  }

  void Assign(const std::vector<float>& centres, std::vector<uint32_t>& list_of) const {
    const size_t dimension = vector_.size();
    std::vector<float> block(kBlock * dimension);
    for (size_t first = 0; first < points_.size() && !stop_; first += kBlock) {
      const size_t count = std::min(kBlock, points_.size() - first);
      for (size_t i = 0; i < count; ++i) {
        points_[first + i].codes->Decode(points_[first + i].place, block.data() + i * dimension);
      }
      NearestCentres({block.data(), count * dimension}, centres, dimension,
                     std::span(list_of).subspan(first, count), {});
    }
  }

  const IndexOptions& options_;
  const std::atomic<bool>& stop_;
  uint64_t first_row_ = 0;
  std::vector<Point> points_;
  std::vector<ItemId> items_;
  std::vector<uint32_t> point_of_row_;
  bool only_lists_ = true;          // all points come from lists with centres
  std::vector<float> old_centres_;  // [lists that they come from, d]
  absl::flat_hash_map<Cell, uint32_t> points_of_cells_;
  std::vector<float> vector_;  // [d], of the row at hand
  std::vector<float> other_;   // [d]
  std::vector<int32_t> cell_;  // [d]
};

absl::StatusOr<std::shared_ptr<const Lists>> Lists::Build(std::span<const ListsSource> sources,
                                                          const IndexOptions& options,
                                                          const std::atomic<bool>& stop) {
  Builder builder(options, stop);
  for (const ListsSource& source : sources) builder.Add(source);
  return builder.Make();
}

}  // namespace mixmatch
