// FAISS stays in this file, and its exceptions too.
#include "storage/index/graph.h"

#include <faiss/IndexHNSW.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/records.pb.h"

namespace mixmatch {
namespace {

// faiss::Index::idx_t in 1.7, faiss::idx_t from 1.8 on.
using Idx = decltype(faiss::Index::ntotal);

// Rows that are linked between two looks at `stop`.
constexpr size_t kBuildSlice = 256;

// Distances computed by this thread.
thread_local uint64_t compared_here = 0;

// The distance between unit vectors that orders as the inner product does: 1 - a·b.
class RowsDistance final : public faiss::DistanceComputer {
 public:
  explicit RowsDistance(const Rows& rows) : rows_(rows) {}

  void set_query(const float* x) override { query_ = x; }
  float operator()(Idx i) override { return Between(query_, rows_.vector(static_cast<size_t>(i))); }
  float symmetric_dis(Idx i, Idx j) override {
    return Between(rows_.vector(static_cast<size_t>(i)), rows_.vector(static_cast<size_t>(j)));
  }

 private:
  float Between(const float* a, const float* b) const {
    ++compared_here;
    return 1.0f - dot_(a, b, rows_.dimension());
  }

  const Rows& rows_;
  const DotFunction dot_ = BestDot();
  const float* query_ = nullptr;
};

// Rows as what FAISS calls a storage: it only gives distances, and adding is counting, since the
// vectors are there already.
class RowsStorage final : public faiss::Index {
 public:
  explicit RowsStorage(std::shared_ptr<const Rows> rows)
      : faiss::Index(static_cast<Idx>(rows->dimension()), faiss::METRIC_L2),
        rows_(std::move(rows)) {}

  void add(Idx n, const float*) override { ntotal += n; }
  void reset() override { ntotal = 0; }
  void search(Idx n, const float*, Idx k, float*, Idx* labels,
              const faiss::SearchParameters*) const override {
    std::fill(labels, labels + n * k, Idx{-1});  // searched through the graph alone
  }
  faiss::DistanceComputer* get_distance_computer() const override {
    return new RowsDistance(*rows_);  // FAISS deletes it
  }

  const Rows& rows() const { return *rows_; }

 private:
  const std::shared_ptr<const Rows> rows_;
};

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

  RowsStorage storage;
  faiss::IndexHNSW index;
  const int neighbours;
};

Graph::Graph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Graph::~Graph() = default;

absl::StatusOr<std::shared_ptr<const Graph>> Graph::Build(std::shared_ptr<const Rows> rows,
                                                          const IndexOptions& options,
                                                          const std::atomic<bool>& stop) {
  const OneThread one_thread;
  const Rows& all = *rows;
  try {
    auto impl = std::make_unique<Impl>(std::move(rows), options.graph_neighbours, options);
    for (size_t row = 0; row < all.capacity(); row += kBuildSlice) {
      if (stop) return absl::CancelledError("graph not built: the space is closing; open it again");
      const size_t count = std::min(kBuildSlice, all.capacity() - row);
      impl->index.add(static_cast<Idx>(count), all.vector(row));
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
  record.set_row_count(static_cast<uint32_t>(impl_->index.ntotal));
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
  const size_t row_count = rows->capacity();
  if (record.row_count() != row_count || record.levels().size() != row_count * sizeof(int) ||
      record.links().size() % sizeof(faiss::HNSW::storage_idx_t) != 0 || record.neighbours() < 2 ||
      record.neighbours() > 1024) {
    return Damaged("it is of other rows");
  }
  try {
    auto impl =
        std::make_unique<Impl>(std::move(rows), static_cast<int>(record.neighbours()), options);
    faiss::HNSW& hnsw = impl->index.hnsw;
    FromBytes(record.levels(), hnsw.levels);
    FromBytes(record.links(), hnsw.neighbors);
    hnsw.entry_point = record.entry_point();
    hnsw.max_level = record.max_level();
    const int levels_max = static_cast<int>(hnsw.cum_nneighbor_per_level.size()) - 1;
    hnsw.offsets.assign(1, 0);
    for (const int level : hnsw.levels) {
      if (level < 1 || level > levels_max) return Damaged("a row's level is out of range");
      hnsw.offsets.push_back(hnsw.offsets.back() +
                             static_cast<size_t>(hnsw.cum_nb_neighbors(level)));
    }
    const auto rows_end = static_cast<faiss::HNSW::storage_idx_t>(row_count);
    const bool links_ok =
        hnsw.offsets.back() == hnsw.neighbors.size() &&
        std::all_of(hnsw.neighbors.data(), hnsw.neighbors.data() + hnsw.neighbors.size(),
                    [rows_end](auto link) { return link >= -1 && link < rows_end; });
    if (!links_ok) return Damaged("a link leads nowhere");
    if (hnsw.entry_point < 0 || hnsw.entry_point >= rows_end ||
        hnsw.levels[static_cast<size_t>(hnsw.entry_point)] != hnsw.max_level + 1) {
      return Damaged("its entry is no row of the top level");
    }
    impl->storage.ntotal = static_cast<Idx>(row_count);
    impl->index.ntotal = static_cast<Idx>(row_count);
    return std::shared_ptr<const Graph>(new Graph(std::move(impl)));
  } catch (const std::exception& error) {
    return Damaged(error.what());
  }
}

absl::StatusOr<uint64_t> Graph::Search(const float* query, size_t k,
                                       std::vector<size_t>& found) const {
  const OneThread one_thread;
  std::vector<float> distances(k);
  std::vector<Idx> labels(k, Idx{-1});
  compared_here = 0;
  try {
    impl_->index.search(1, query, static_cast<Idx>(k), distances.data(), labels.data());
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("graph not searched: ", error.what(), "; report it"));
  }
  for (const Idx label : labels) {
    if (label >= 0) found.push_back(static_cast<size_t>(label));
  }
  return compared_here;
}

bool Graph::IsWorthwhile(size_t k) const {
  const size_t looked_at = std::max(k, static_cast<size_t>(impl_->index.hnsw.efSearch));
  return looked_at * 8 < static_cast<size_t>(impl_->index.ntotal);
}

}  // namespace mixmatch
