// FAISS stays in this file, and its exceptions too.
#include "storage/index/graph.h"

#include <faiss/IndexHNSW.h>
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/index/distinct_rows.h"
#include "storage/records.pb.h"

namespace mixmatch {
namespace {

// faiss::Index::idx_t in 1.7, faiss::idx_t from 1.8 on.
using Idx = decltype(faiss::Index::ntotal);

// Points that are linked between two looks at `stop`.
constexpr size_t kBuildSlice = 256;

// A search is worth its way through the graph, or over the groups, when it spares this factor of
// comparisons: those of a scan are cheaper by far, one row after another.
constexpr size_t kGraphSaves = 8;
constexpr size_t kGroupsSave = 2;

// Distances computed by this thread.
thread_local uint64_t compared_here = 0;

// One point for each group of rows. As a storage for FAISS it only gives distances, and adding is
// counting, since the vectors are there already.
class PointStorage final : public faiss::Index {
 public:
  explicit PointStorage(std::shared_ptr<const Rows> rows)
      : faiss::Index(static_cast<Idx>(rows->dimension()), faiss::METRIC_L2),
        rows_(std::move(rows)),
        groups_(*rows_) {}

  void add(Idx n, const float*) override { ntotal += n; }
  void reset() override { ntotal = 0; }
  void search(Idx n, const float*, Idx k, float*, Idx* labels,
              const faiss::SearchParameters*) const override {
    std::fill(labels, labels + n * k, Idx{-1});  // searched through the graph alone
  }
  faiss::DistanceComputer* get_distance_computer() const override;

  const Rows& rows() const { return *rows_; }
  const DistinctRows& groups() const { return groups_; }
  const float* vector(size_t point) const { return rows_->vector(groups_.representative(point)); }

 private:
  const std::shared_ptr<const Rows> rows_;
  const DistinctRows groups_;
};

// The distance between unit vectors that orders as the inner product does: 1 - a·b.
class PointDistance final : public faiss::DistanceComputer {
 public:
  explicit PointDistance(const PointStorage& points) : points_(points) {}

  void set_query(const float* x) override { query_ = x; }
  float operator()(Idx i) override {
    return Between(query_, points_.vector(static_cast<size_t>(i)));
  }
  float symmetric_dis(Idx i, Idx j) override {
    return Between(points_.vector(static_cast<size_t>(i)), points_.vector(static_cast<size_t>(j)));
  }

 private:
  float Between(const float* a, const float* b) const {
    ++compared_here;
    return 1.0f - dot_(a, b, static_cast<size_t>(points_.d));
  }

  const PointStorage& points_;
  const DotFunction dot_ = BestDot();
  const float* query_ = nullptr;
};

faiss::DistanceComputer* PointStorage::get_distance_computer() const {
  return new PointDistance(*this);  // FAISS deletes it
}

// FAISS starts a team of threads by the calling thread's setting: one, for the time of a call.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_;
};

absl::Status Damaged(std::string_view fact) {
  return absl::DataLossError(absl::StrCat(
      "graph not read: ", absl::string_view(fact.data(), fact.size()), "; it is built again"));
}

template <typename Values>
std::string ToBytes(const Values& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(values[0]));
}

// Bytes are a whole number of T by the caller's check.
template <typename Values>
void FromBytes(const std::string& bytes, Values& values) {
  values.resize(bytes.size() / sizeof(values[0]));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
}

}  // namespace

class Graph::Impl {
 public:
  Impl(std::shared_ptr<const Rows> rows, int m, const IndexOptions& options)
      : storage(std::move(rows)), index(&storage, m), neighbours(m) {
    index.hnsw.efConstruction = options.graph_ef_construction;
    index.hnsw.efSearch = options.graph_ef_search;
    // The bounded queue loses recall; its place, selectors, is not used here.
    index.hnsw.search_bounded_queue = false;
  }

  PointStorage storage;
  faiss::IndexHNSW index;
  const int neighbours;
};

Graph::Graph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Graph::~Graph() = default;

absl::StatusOr<std::shared_ptr<const Graph>> Graph::Build(std::shared_ptr<const Rows> rows,
                                                          const IndexOptions& options,
                                                          const std::atomic<bool>& stop) {
  const OneThread one_thread;
  const size_t dimension = rows->dimension();
  try {
    auto impl = std::make_unique<Impl>(std::move(rows), options.graph_neighbours, options);
    const size_t points = impl->storage.groups().size();
    std::vector<float> slice;
    for (size_t first = 0; first < points; first += kBuildSlice) {
      if (stop) return absl::CancelledError("graph not built: the space is closing; open it again");
      const size_t count = std::min(kBuildSlice, points - first);
      slice.clear();
      for (size_t i = first; i < first + count; ++i) {
        const float* vector = impl->storage.vector(i);
        slice.insert(slice.end(), vector, vector + dimension);
      }
      impl->index.add(static_cast<Idx>(count), slice.data());
    }
    return std::shared_ptr<const Graph>(new Graph(std::move(impl)));
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("graph not built: ", error.what(), "; exact search goes on"));
  }
}

std::string Graph::Serialize() const {
  const faiss::HNSW& hnsw = impl_->index.hnsw;
  storage::v1::GraphRecord record;
  record.set_row_count(static_cast<uint32_t>(impl_->storage.rows().capacity()));
  record.set_neighbours(static_cast<uint32_t>(impl_->neighbours));
  record.set_entry_point(hnsw.entry_point);
  record.set_max_level(hnsw.max_level);
  record.set_levels(ToBytes(hnsw.levels));
  record.set_links(ToBytes(hnsw.neighbors));
  return record.SerializeAsString();
}

absl::StatusOr<std::shared_ptr<const Graph>> Graph::Deserialize(std::shared_ptr<const Rows> rows,
                                                                const IndexOptions& options,
                                                                const std::string& bytes) {
  storage::v1::GraphRecord record;
  if (!record.ParseFromString(bytes)) return Damaged("the message does not parse");
  if (record.row_count() != rows->capacity() ||
      record.links().size() % sizeof(faiss::HNSW::storage_idx_t) != 0 || record.neighbours() < 2 ||
      record.neighbours() > 1024) {
    return Damaged("it is of other rows");
  }
  try {
    auto impl =
        std::make_unique<Impl>(std::move(rows), static_cast<int>(record.neighbours()), options);
    const size_t points = impl->storage.groups().size();
    if (record.levels().size() != points * sizeof(int)) return Damaged("it is of other points");
    faiss::HNSW& hnsw = impl->index.hnsw;
    FromBytes(record.levels(), hnsw.levels);
    FromBytes(record.links(), hnsw.neighbors);
    hnsw.entry_point = record.entry_point();
    hnsw.max_level = record.max_level();
    const int levels_max = static_cast<int>(hnsw.cum_nneighbor_per_level.size()) - 1;
    hnsw.offsets.assign(1, 0);
    for (const int level : hnsw.levels) {
      if (level < 1 || level > levels_max) return Damaged("a point's level is out of range");
      hnsw.offsets.push_back(hnsw.offsets.back() +
                             static_cast<size_t>(hnsw.cum_nb_neighbors(level)));
    }
    const auto points_end = static_cast<faiss::HNSW::storage_idx_t>(points);
    const bool links_ok =
        hnsw.offsets.back() == hnsw.neighbors.size() &&
        std::all_of(hnsw.neighbors.data(), hnsw.neighbors.data() + hnsw.neighbors.size(),
                    [points_end](auto link) { return link >= -1 && link < points_end; });
    if (!links_ok) return Damaged("a link leads nowhere");
    if (hnsw.entry_point < 0 || hnsw.entry_point >= points_end ||
        hnsw.levels[static_cast<size_t>(hnsw.entry_point)] != hnsw.max_level + 1) {
      return Damaged("its entry is no point of the top level");
    }
    impl->storage.ntotal = static_cast<Idx>(points);
    impl->index.ntotal = static_cast<Idx>(points);
    return std::shared_ptr<const Graph>(new Graph(std::move(impl)));
  } catch (const std::exception& error) {
    return Damaged(error.what());
  }
}

absl::Status Graph::FindGroups(const float* query, size_t k, std::vector<Candidate>& found) const {
  const OneThread one_thread;
  std::vector<float> distances(k);
  std::vector<Idx> labels(k, Idx{-1});
  try {
    impl_->index.search(1, query, static_cast<Idx>(k), distances.data(), labels.data());
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("graph not searched: ", error.what(), "; report it"));
  }
  for (size_t i = 0; i < k; ++i) {
    if (labels[i] >= 0) found.push_back({1.0f - distances[i], static_cast<size_t>(labels[i])});
  }
  return absl::OkStatus();
}

absl::StatusOr<Graph::Outcome> Graph::Search(const float* query, size_t k, ModalityId partition,
                                             TopK& nearest) const {
  const Rows& rows = impl_->storage.rows();
  const DistinctRows& groups = impl_->storage.groups();
  const DotFunction dot = BestDot();
  const size_t looked_at = std::max(k, static_cast<size_t>(impl_->index.hnsw.efSearch));
  Outcome outcome;
  std::vector<Candidate> found;
  if (looked_at * kGraphSaves < groups.size()) {
    outcome.by_graph = true;
    compared_here = 0;
    const absl::Status status = FindGroups(query, k, found);
    if (!status.ok()) return status;
    outcome.compared = compared_here;
  } else if (groups.size() * kGroupsSave < rows.capacity()) {
    for (size_t i = 0; i < groups.size(); ++i) {
      found.push_back({dot(query, impl_->storage.vector(i), rows.dimension()), i});
    }
    outcome.compared = groups.size();
  }
  size_t reached = 0;
  for (const Candidate& candidate : found) reached += groups.group(candidate.group).size();
  if (reached < std::min(k, rows.capacity())) return outcome;

  outcome.complete = true;
  std::sort(found.begin(), found.end(),
            [](const Candidate& a, const Candidate& b) { return a.similarity > b.similarity; });
  // By so much may a row be nearer than the one that stands for its group.
  const auto dimension = static_cast<float>(rows.dimension());
  const float margin =
      2e-6f + kGroupCell * std::sqrt(dimension * dot(query, query, rows.dimension()));
  for (const Candidate& candidate : found) {
    if (candidate.similarity + margin < nearest.threshold()) break;
    for (const uint32_t row : groups.group(candidate.group)) {
      rows.Offer(row, query, partition, nearest);
      ++outcome.compared;
    }
  }
  return outcome;
}

}  // namespace mixmatch
