// Similarities of a block of vectors to all centres are one product; a block fits the caches.
#include "storage/index/clusters.h"

#include <faiss/Clustering.h>
#include <faiss/Index.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/index/one_thread.h"

extern "C" {
// C = alpha op(A) op(B) + beta C, by columns.
void sgemm_(const char* transa, const char* transb, const int* m, const int* n, const int* k,
            const float* alpha, const float* a, const int* lda, const float* b, const int* ldb,
            const float* beta, float* c, const int* ldc);
}

namespace mixmatch {
namespace {

using Idx = decltype(faiss::Index::ntotal);

constexpr size_t kBlockRows = 128;

struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped"; }
};

// What FAISS' clustering asks for the nearest centre.
class CentreIndex final : public faiss::Index {
 public:
  CentreIndex(size_t dimension, const std::atomic<bool>& stop)
      : faiss::Index(static_cast<Idx>(dimension), faiss::METRIC_INNER_PRODUCT), stop_(stop) {}

  void add(Idx n, const float* x) override {
    centres_.insert(centres_.end(), x, x + static_cast<size_t>(n) * static_cast<size_t>(d));
    ntotal += n;
  }
  void reset() override {
    centres_.clear();
    ntotal = 0;
  }
  void search(Idx n, const float* x, Idx, float* distances, Idx* labels,
              const faiss::SearchParameters*) const override {
    if (stop_) throw Stopped();
    const auto rows = static_cast<size_t>(n);
    std::vector<uint32_t> nearest(rows);
    NearestCentres({x, rows * static_cast<size_t>(d)}, centres_, static_cast<size_t>(d), nearest,
                   {distances, rows});
    std::copy(nearest.begin(), nearest.end(), labels);
  }

 private:
  const std::atomic<bool>& stop_;
  std::vector<float> centres_;
};

// Of x [n], n >= 1. Lane by lane, so that the compiler makes vectors of it.
float Largest(const float* x, size_t n) {
  constexpr size_t kLanes = 16;
  float most[kLanes];
  std::fill(most, most + kLanes, x[0]);
  size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (size_t lane = 0; lane < kLanes; ++lane) {
      most[lane] = x[i + lane] > most[lane] ? x[i + lane] : most[lane];
    }
  }
  for (; i < n; ++i) most[0] = x[i] > most[0] ? x[i] : most[0];
  return *std::max_element(most, most + kLanes);
}

}  // namespace

void NearestCentres(std::span<const float> vectors, std::span<const float> centres,
                    size_t dimension, std::span<uint32_t> nearest, std::span<float> similarities) {
  const OneThread one_thread;
  const size_t count = centres.size() / dimension;
  std::vector<float> products(kBlockRows * count);
  const auto k = static_cast<int>(dimension);
  const auto m = static_cast<int>(count);
  constexpr float kOne = 1;
  constexpr float kZero = 0;
  for (size_t first = 0; first < nearest.size(); first += kBlockRows) {
    const size_t rows = std::min(kBlockRows, nearest.size() - first);
    const auto n = static_cast<int>(rows);
    sgemm_("T", "N", &m, &n, &k, &kOne, centres.data(), &k, vectors.data() + first * dimension, &k,
           &kZero, products.data(), &m);
    for (size_t row = 0; row < rows; ++row) {
      const float* of_row = products.data() + row * count;
      const float most = Largest(of_row, count);
      const auto at = static_cast<size_t>(std::find(of_row, of_row + count, most) - of_row);
      nearest[first + row] = static_cast<uint32_t>(at == count ? 0 : at);
      if (!similarities.empty()) similarities[first + row] = most;
    }
  }
}

absl::StatusOr<std::vector<float>> TrainCentres(std::span<const float> sample, size_t dimension,
                                                size_t count, int rounds, uint64_t seed,
                                                std::vector<float> start,
                                                const std::atomic<bool>& stop) {
  const OneThread one_thread;
  faiss::ClusteringParameters parameters;
  parameters.niter = rounds;
  parameters.spherical = true;
  parameters.seed = static_cast<int>(seed & 0x7FFFFFFF);
  parameters.min_points_per_centroid = 1;  // so that it does not warn on standard error
  parameters.max_points_per_centroid = static_cast<int>(sample.size() / dimension);
  try {
    faiss::Clustering clustering(static_cast<int>(dimension), static_cast<int>(count), parameters);
    clustering.centroids = std::move(start);
    CentreIndex index(dimension, stop);
    clustering.train(static_cast<Idx>(sample.size() / dimension), sample.data(), index);
    return std::move(clustering.centroids);
  } catch (const Stopped&) {
    return absl::CancelledError("clusters not found: the space is closing; open it again");
  } catch (const std::exception& error) {
    return absl::InternalError(
        absl::StrCat("clusters not found: ", error.what(), "; exact search goes on"));
  }
}

}  // namespace mixmatch
