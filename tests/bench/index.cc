// mixmatch_bench_index [--embeddings N] [--dimension E] [--queries N] [--dir DIR] [--json FILE]
//                      [--no-hnswlib] [--no-faiss] [--vectors FILE | --memory DATA_DIR]
//
// The index beside hnswlib (M = 16, efConstruction = 100) and plain FAISS (inverted lists) over the
// same vectors, in one run: build rate, recall@10 against exact search, latency of one thread at
// equal recall, memory, and search under filters.
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
#include "tests/bench/exact_search.h"
#include "tests/bench/faiss_reference.h"
#include "tests/bench/hnsw_reference.h"
#include "tests/bench/index_vectors.h"

namespace mixmatch {
namespace {

constexpr size_t kK = 10;
// Of similarity: ten times what codes round. Far below what tells one thing from another.
constexpr float kSlack = 1e-5F;
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
  bool faiss = true;
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

class Bench {
 public:
  explicit Bench(const Arguments& arguments) : arguments_(arguments), d_(arguments.dimension) {}

  absl::Status Run() {
    MM_RETURN_IF_ERROR(Load());
    MM_RETURN_IF_ERROR(BuildOurs());
    const auto exact = ExactNearest(vectors_, queries_, d_, kK, [](size_t) { return true; });
    std::vector<std::vector<uint32_t>> found;
    const Latency ours = Ask(nullptr, found);
    const double recall = RecallOf(found, exact);
    std::printf("ours: recall@10 %.4f, p50 %.3f ms, p99 %.3f ms, %s, %.0f points compared\n",
                recall, ours.p50_ms, ours.p99_ms, plan_.c_str(), compared_);
    Put("recall_at_10", recall);
    const double within = RecallWithin(kSlack, vectors_, queries_, d_, found, exact);
    std::printf("ours: %.4f of what was found as near as the tenth, but for %g\n", within, kSlack);
    Put("recall_at_10_within_1e-5", within);
    Put("p50_ms", ours.p50_ms);
    Put("p99_ms", ours.p99_ms);
    Filters();
    if (arguments_.hnswlib) CompareHnsw(exact, recall, ours);
    if (arguments_.faiss) CompareFaiss(exact, recall, ours);
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
                                        {.next_seq = first + n + 1}, /*background=*/false));
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
      const auto exact =
          ExactNearest(vectors_, queries_, d_, kK, [&](size_t row) { return passes[row]; });
      std::vector<std::vector<uint32_t>> found;
      const Latency latency = Ask(&allowed, found);
      const double recall = RecallOf(found, exact);
      std::printf("filter %g: recall@10 %.4f, p50 %.3f ms, p99 %.3f ms, %s, %.0f compared\n", share,
                  recall, latency.p50_ms, latency.p99_ms, plan_.c_str(), compared_);
      absl::StrAppend(&list, list.empty() ? "" : ", ", "{\"selectivity\": ", share,
                      ", \"recall_at_10\": ", recall, ", \"p50_ms\": ", latency.p50_ms, "}");
    }
    absl::StrAppend(&json_, ", \"filters\": [", list, "]");
  }

  // Another library's search of one thread, at the first of its settings, each a quarter above the
  // one before, that reaches `recall`; `set` sets one.
  template <typename Reference, typename Set>
  void CompareSearch(const char* name, const Reference& reference, const Set& set, size_t first,
                     size_t last, const std::vector<std::vector<uint32_t>>& exact, double recall,
                     const Latency& ours) {
    Latency latency;
    double reached = 0;
    size_t setting = first;
    for (; setting <= last; setting = std::max(setting + 1, setting * 5 / 4)) {
      set(setting);
      std::vector<std::vector<uint32_t>> found;
      std::vector<double> seconds;
      for (size_t q = 0; q < arguments_.queries; ++q) {
        const auto begin = Clock::now();
        found.push_back(reference.Search(queries_.data() + q * d_, kK));
        seconds.push_back(Since(begin));
      }
      latency = Of(std::move(seconds));
      reached = RecallOf(found, exact);
      if (reached >= recall) break;
    }
    std::printf("%s: recall@10 %.4f at %zu, p50 %.3f ms, p99 %.3f ms; p50 of ours %.2f times it\n",
                name, reached, setting, latency.p50_ms, latency.p99_ms,
                ours.p50_ms / latency.p50_ms);
    Put(absl::StrCat(name, "_recall_at_10"), reached);
    Put(absl::StrCat(name, "_p50_ms"), latency.p50_ms);
    Put(absl::StrCat("p50_ratio_", name), ours.p50_ms / latency.p50_ms);
  }

  void PutBuild(const char* name, double rate, size_t bytes_per_vector) {
    std::printf("%s: %.0f a second, %zu bytes an embedding; ours %.2f times as fast\n", name, rate,
                bytes_per_vector, build_per_s_ / rate);
    Put(absl::StrCat(name, "_bytes_per_embedding"), static_cast<double>(bytes_per_vector));
    Put(absl::StrCat("build_ratio_", name), build_per_s_ / rate);
  }

  void CompareHnsw(const std::vector<std::vector<uint32_t>>& exact, double recall,
                   const Latency& ours) {
    const int threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    const auto start = Clock::now();
    HnswReference reference(vectors_, d_, 16, 100, threads);
    PutBuild("hnswlib", static_cast<double>(rows_) / Since(start), reference.bytes_per_vector());
    CompareSearch(
        "hnswlib", reference, [&](size_t ef) { reference.SetEf(ef); }, 16, 1024, exact, recall,
        ours);
  }

  // As many lists as FAISS' own guide takes at least: four times the root of the count.
  void CompareFaiss(const std::vector<std::vector<uint32_t>>& exact, double recall,
                    const Latency& ours) {
    const auto lists = static_cast<size_t>(4 * std::sqrt(static_cast<double>(rows_)));
    const auto start = Clock::now();
    FaissReference reference(vectors_, d_, lists);
    PutBuild("faiss", static_cast<double>(rows_) / Since(start), reference.bytes_per_vector());
    CompareSearch(
        "faiss", reference, [&](size_t probes) { reference.SetProbes(probes); }, 1, lists, exact,
        recall, ours);
  }

  void Put(const std::string& name, double value) {
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
    } else if (name == "--no-faiss") {
      arguments.faiss = false;
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
      std::fprintf(stderr,
                   "usage: mixmatch_bench_index [--embeddings N] [--dimension E] [--queries N] "
                   "[--dir DIR] [--json FILE] [--no-hnswlib] [--no-faiss] "
                   "[--vectors FILE | --memory DATA_DIR]\n");
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
