// mixmatch_bench_index [--embeddings N] [--dimension E] [--queries N] [--dir DIR] [--json FILE]
//                      [--no-hnswlib] [--vectors FILE | --memory DATA_DIR]
//
// The index beside hnswlib (M = 16, efConstruction = 100) over the same vectors, in one run: build
// rate, recall@10 against exact search, latency of one thread, memory, and search under filters.
// Vectors are clustered: 4 clusters for each thousand, of sizes that fall like 1/rank, each with a
// spread of its own in a few directions and a little in all. FILE: f32 rows to take instead;
// DATA_DIR: a memory whose newest generation's embeddings are taken, in any order.
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/encoder/blas.h"
#include "storage/database.h"
#include "storage/index/spaces.h"
#include "storage/index/stored_space.h"
#include "tests/bench/hnsw_reference.h"
#include "tests/bench/index_vectors.h"

namespace mixmatch {
namespace {

constexpr size_t kK = 10;
constexpr ModalityId kPartition = 1;

struct Arguments {
  size_t embeddings = 100'000;
  size_t dimension = 128;
  size_t queries = 1000;
  std::string dir;
  std::string json;
  std::string vectors;
  std::string memory;
  bool hnswlib = true;
};

using Clock = std::chrono::steady_clock;
double Since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double ResidentBytes() {
  malloc_trim(0);
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

struct Latency {
  double p50_ms = 0;
  double p99_ms = 0;
};

Latency Of(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2] * 1e3, seconds[seconds.size() * 99 / 100] * 1e3};
}

// Rows of the k nearest by exact search among those that `passes`.
template <typename Passes>
std::vector<std::vector<uint32_t>> Exact(const std::vector<float>& vectors,
                                         const std::vector<float>& queries, size_t d,
                                         const Passes& passes) {
  const DotFunction dot = BestDot();
  const size_t n = vectors.size() / d;
  std::vector<std::vector<uint32_t>> nearest(queries.size() / d);
  std::vector<std::vector<std::pair<float, uint32_t>>> heaps(nearest.size());
  // A block of rows at a time, so that they are read from memory once.
  constexpr size_t kRows = 512;
  for (size_t first = 0; first < n; first += kRows) {
    for (size_t q = 0; q < nearest.size(); ++q) {
      auto& heap = heaps[q];
      for (size_t row = first; row < std::min(n, first + kRows); ++row) {
        if (!passes(row)) continue;
        const float similarity = dot(queries.data() + q * d, vectors.data() + row * d, d);
        if (heap.size() == kK && similarity <= heap.front().first) continue;
        if (heap.size() == kK) {
          std::pop_heap(heap.begin(), heap.end(), std::greater<>());
          heap.pop_back();
        }
        heap.emplace_back(similarity, static_cast<uint32_t>(row));
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
      }
    }
  }
  for (size_t q = 0; q < nearest.size(); ++q) {
    for (const auto& [similarity, row] : heaps[q]) nearest[q].push_back(row);
  }
  return nearest;
}

double Recall(const std::vector<std::vector<uint32_t>>& found,
              const std::vector<std::vector<uint32_t>>& exact) {
  size_t hits = 0;
  size_t all = 0;
  for (size_t q = 0; q < exact.size(); ++q) {
    all += exact[q].size();
    for (const uint32_t row : exact[q]) {
      hits += static_cast<size_t>(std::count(found[q].begin(), found[q].end(), row));
    }
  }
  return all == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(all);
}

class Bench {
 public:
  explicit Bench(const Arguments& arguments) : arguments_(arguments), d_(arguments.dimension) {}

  absl::Status Run() {
    MM_RETURN_IF_ERROR(Load());
    MM_RETURN_IF_ERROR(BuildOurs());
    const auto exact = Exact(vectors_, queries_, d_, [](size_t) { return true; });
    std::vector<std::vector<uint32_t>> found;
    const Latency ours = Ask(nullptr, found);
    const double recall = Recall(found, exact);
    std::printf("ours: recall@10 %.4f, p50 %.3f ms, p99 %.3f ms, %s, %.0f points compared\n",
                recall, ours.p50_ms, ours.p99_ms, plan_.c_str(), compared_);
    Put("recall_at_10", recall);
    Put("p50_ms", ours.p50_ms);
    Put("p99_ms", ours.p99_ms);
    Filters();
    if (arguments_.hnswlib) CompareHnsw(exact, recall, ours);
    return Write();
  }

 private:
  absl::Status Load() {
    if (!arguments_.memory.empty()) {
      MM_ASSIGN_OR_RETURN(vectors_, EmbeddingsOf(arguments_.memory, d_));
      std::printf("%zu embeddings of %zu dimensions of a memory\n", vectors_.size() / d_, d_);
    } else if (!arguments_.vectors.empty()) {
      vectors_ = RowsOf(arguments_.vectors, d_);
      std::printf("%zu vectors of %zu dimensions from %s\n", vectors_.size() / d_, d_,
                  arguments_.vectors.c_str());
    } else {
      std::printf("%zu clustered vectors of %zu dimensions …\n", arguments_.embeddings, d_);
      vectors_ = Clustered(arguments_.embeddings + arguments_.queries, d_,
                           std::max<size_t>(10, arguments_.embeddings / 250));
    }
    if (vectors_.size() / d_ <= arguments_.queries) {
      return absl::InvalidArgumentError("there are no more vectors than queries");
    }
    const size_t from = vectors_.size() - arguments_.queries * d_;
    queries_.assign(vectors_.begin() + static_cast<ptrdiff_t>(from), vectors_.end());
    vectors_.resize(from);
    rows_ = from / d_;
    Put("embeddings", static_cast<double>(rows_));
    return absl::OkStatus();
  }

  absl::Status Open(bool create) {
    MM_ASSIGN_OR_RETURN(database_, Database::Open(arguments_.dir + "/db", {}));
    spaces_ = MakeEmbeddingSpaces(database_.get(), {});
    MM_ASSIGN_OR_RETURN(space_,
                        create ? spaces_->Create(1, static_cast<int>(d_)) : spaces_->Open(1));
    return absl::OkStatus();
  }

  absl::Status BuildOurs() {
    std::filesystem::create_directories(arguments_.dir);
    MM_RETURN_IF_ERROR(Open(/*create=*/true));
    auto start = Clock::now();
    auto shown = start;
    constexpr size_t kBatch = 1000;
    std::vector<EmbeddedItem> items;
    for (size_t first = 0; first < rows_; first += kBatch) {
      const size_t n = std::min(kBatch, rows_ - first);
      items.clear();
      for (size_t i = 0; i < n; ++i) {
        items.push_back({ItemId::ForPercept(first + i + 1, 0), kPartition});
      }
      MM_RETURN_IF_ERROR(space_->Append(items, {vectors_.data() + first * d_, n * d_},
                                        {.next_seq = first + n + 1}, true));
      if (Since(shown) > 5) {
        shown = Clock::now();
        std::printf("ours: %zu of %zu stored\n", first + n, rows_);
      }
    }
    const double stored_s = Since(start);
    while (!Stored().settled()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const double built_s = Since(start);
    std::printf("ours: stored in %.1f s, lists built in %.1f s: %.0f a second\n", stored_s, built_s,
                static_cast<double>(rows_) / built_s);
    build_per_s_ = static_cast<double>(rows_) / built_s;
    Put("build_per_s", build_per_s_);
    space_.reset();
    spaces_.reset();
    database_.reset();
    const double before = ResidentBytes();
    start = Clock::now();
    MM_RETURN_IF_ERROR(Open(/*create=*/false));
    const double load_s = Since(start);
    const double bytes = (ResidentBytes() - before) / static_cast<double>(rows_);
    std::printf("ours: loaded in %.2f s; %.0f bytes of memory an embedding\n", load_s, bytes);
    Put("load_s", load_s);
    Put("bytes_per_embedding", bytes);
    return absl::OkStatus();
  }

  StoredSpace& Stored() { return static_cast<StoredSpace&>(*space_); }

  Latency Ask(const std::vector<Seq>* allowed, std::vector<std::vector<uint32_t>>& found) {
    std::vector<double> seconds;
    found.clear();
    compared_ = 0;
    for (size_t q = 0; q < arguments_.queries; ++q) {
      const auto start = Clock::now();
      const auto result =
          space_->Search({&kPartition, 1}, {queries_.data() + q * d_, d_}, kK, allowed);
      seconds.push_back(Since(start));
      plan_ = result->plan;
      compared_ +=
          static_cast<double>(result->candidate_count) / static_cast<double>(arguments_.queries);
      found.emplace_back();
      for (const Neighbour& n : result->neighbours) {
        found.back().push_back(static_cast<uint32_t>(n.item.seq() - 1));
      }
    }
    return Of(std::move(seconds));
  }

  void Filters() {
    std::string list;
    for (const double share : {0.5, 0.1, 0.01, 0.001, 0.0001}) {
      std::mt19937_64 random(11);
      std::bernoulli_distribution pass(share);
      std::vector<Seq> allowed;
      std::vector<bool> passes(rows_);
      for (size_t row = 0; row < rows_; ++row) {
        passes[row] = pass(random);
        if (passes[row]) allowed.push_back(row + 1);
      }
      const auto exact = Exact(vectors_, queries_, d_, [&](size_t row) { return passes[row]; });
      std::vector<std::vector<uint32_t>> found;
      const Latency latency = Ask(&allowed, found);
      const double recall = Recall(found, exact);
      std::printf("filter %g: recall@10 %.4f, p50 %.3f ms, p99 %.3f ms, %s, %.0f compared\n", share,
                  recall, latency.p50_ms, latency.p99_ms, plan_.c_str(), compared_);
      absl::StrAppend(&list, list.empty() ? "" : ", ", "{\"selectivity\": ", share,
                      ", \"recall_at_10\": ", recall, ", \"p50_ms\": ", latency.p50_ms, "}");
    }
    absl::StrAppend(&json_, ", \"filters\": [", list, "]");
  }

  void CompareHnsw(const std::vector<std::vector<uint32_t>>& exact, double recall,
                   const Latency& ours) {
    const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const auto start = Clock::now();
    HnswReference reference(vectors_, d_, 16, 100, threads);
    const double rate = static_cast<double>(rows_) / Since(start);
    std::printf("hnswlib: %.0f a second on %d threads, %zu bytes an embedding\n", rate, threads,
                reference.bytes_per_vector());
    Put("build_ratio_hnswlib", build_per_s_ / rate);
    Latency latency;
    double reached = 0;
    size_t ef = 16;
    for (; ef <= 1024; ef = ef * 5 / 4) {
      reference.SetEf(ef);
      std::vector<std::vector<uint32_t>> found;
      std::vector<double> seconds;
      for (size_t q = 0; q < arguments_.queries; ++q) {
        const auto begin = Clock::now();
        found.push_back(reference.Search(queries_.data() + q * d_, kK));
        seconds.push_back(Since(begin));
      }
      latency = Of(std::move(seconds));
      reached = Recall(found, exact);
      if (reached >= recall) break;
    }
    std::printf("hnswlib: recall@10 %.4f with ef %zu, p50 %.3f ms, p99 %.3f ms\n", reached, ef,
                latency.p50_ms, latency.p99_ms);
    std::printf("ratios: build %.2f, p50 %.2f\n", build_per_s_ / rate,
                ours.p50_ms / latency.p50_ms);
    Put("hnswlib_recall_at_10", reached);
    Put("hnswlib_p50_ms", latency.p50_ms);
    Put("p50_ratio_hnswlib", ours.p50_ms / latency.p50_ms);
  }

  void Put(const char* name, double value) {
    absl::StrAppend(&json_, json_.empty() ? "" : ", ", "\"", name, "\": ", value);
  }

  absl::Status Write() const {
    if (arguments_.json.empty()) return absl::OkStatus();
    std::ofstream file(arguments_.json);
    file << "{" << json_ << "}\n";
    return file.good() ? absl::OkStatus()
                       : absl::InternalError(arguments_.json + ": cannot be written");
  }

  const Arguments arguments_;
  size_t d_;
  size_t rows_ = 0;
  std::vector<float> vectors_;
  std::vector<float> queries_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<EmbeddingSpaces> spaces_;
  std::shared_ptr<EmbeddingSpace> space_;
  double build_per_s_ = 0;
  double compared_ = 0;
  std::string plan_;
  std::string json_;
};

}  // namespace
}  // namespace mixmatch

int main(int argc, char** argv) {
  mixmatch::RestartForFastBlas(argv);
  mixmatch::Arguments arguments;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const bool more = i + 1 < argc;
    if (name == "--no-hnswlib") {
      arguments.hnswlib = false;
    } else if (more && name == "--embeddings") {
      arguments.embeddings = std::strtoull(argv[++i], nullptr, 10);
    } else if (more && name == "--dimension") {
      arguments.dimension = std::strtoull(argv[++i], nullptr, 10);
    } else if (more && name == "--queries") {
      arguments.queries = std::strtoull(argv[++i], nullptr, 10);
    } else if (more && name == "--dir") {
      arguments.dir = argv[++i];
    } else if (more && name == "--json") {
      arguments.json = argv[++i];
    } else if (more && name == "--vectors") {
      arguments.vectors = argv[++i];
    } else if (more && name == "--memory") {
      arguments.memory = argv[++i];
    } else {
      std::fprintf(
          stderr,
          "usage: mixmatch_bench_index [--embeddings N] [--dimension E] [--queries N] "
          "[--dir DIR] [--json FILE] [--no-hnswlib] [--vectors FILE | --memory DATA_DIR]\n");
      return 2;
    }
  }
  std::string made;
  if (arguments.dir.empty()) {
    made = (std::filesystem::temp_directory_path() / "mixmatch-index-XXXXXX").string();
    if (mkdtemp(made.data()) == nullptr) {
      std::perror("mixmatch_bench_index");
      return 1;
    }
    arguments.dir = made;
  }
  const absl::Status status = mixmatch::Bench(arguments).Run();
  if (!made.empty()) std::filesystem::remove_all(made);
  if (!status.ok()) std::fprintf(stderr, "mixmatch_bench_index: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
