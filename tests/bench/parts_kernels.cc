// Inner products and exact search over rows, beside FAISS' of the same package.
#include <benchmark/benchmark.h>
#include <faiss/IndexFlat.h>
#include <faiss/utils/distances.h>

#include <cmath>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "storage/index/codes.h"
#include "storage/index/kernels.h"
#include "storage/index/rows.h"
#include "storage/index/top_k.h"
#include "tests/bench/parts.h"

namespace mixmatch {
namespace {

constexpr size_t kRows = 16'384;  // two megabytes of high bytes, eight of floats
constexpr size_t kK = 10;
constexpr ModalityId kPartition = 1;

// Unit vectors [n, d].
std::vector<float> UnitVectors(size_t n, size_t d) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> vectors(n * d);
  for (float& value : vectors) value = normal(random);
  for (size_t row = 0; row < n; ++row) {
    float* vector = vectors.data() + row * d;
    const float norm = std::sqrt(DotFor(SimdLevel::kPortable)(vector, vector, d));
    for (size_t i = 0; i < d; ++i) vector[i] /= norm;
  }
  return vectors;
}

template <typename Dot>
void Products(benchmark::State& state, size_t d, const Dot& dot) {
  constexpr size_t kVectors = 64;  // they stay in the first cache
  const std::vector<float> vectors = UnitVectors(kVectors, d);
  for (auto _ : state) {
    float sum = 0;
    for (size_t i = 0; i < kVectors; ++i) sum += dot(vectors.data(), vectors.data() + i * d, d);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kVectors));
}

void SearchRows(benchmark::State& state, size_t d) {
  const std::vector<float> vectors = UnitVectors(kRows, d);
  std::vector<ItemId> items;
  for (size_t row = 0; row < kRows; ++row) items.push_back(ItemId::ForPercept(row + 1, 0));
  Rows rows(0, kRows, d);
  rows.Append(items, vectors.data());
  size_t asked = 0;
  for (auto _ : state) {
    const float* query = vectors.data() + (asked++ * 97 % kRows) * d;
    TopK nearest(kK);
    rows.Scan(kRows, CodeQuery(std::span<const float>(query, d)), kPartition, nullptr, nearest);
    benchmark::DoNotOptimize(nearest.Take());
  }
}

void SearchFlat(benchmark::State& state, size_t d) {
  const std::vector<float> vectors = UnitVectors(kRows, d);
  faiss::IndexFlatIP index(static_cast<int64_t>(d));
  index.add(kRows, vectors.data());
  std::vector<float> similarities(kK);
  std::vector<int64_t> found(kK);
  size_t asked = 0;
  for (auto _ : state) {
    const float* query = vectors.data() + (asked++ * 97 % kRows) * d;
    index.search(1, query, kK, similarities.data(), found.data());
    benchmark::DoNotOptimize(found.data());
  }
}

}  // namespace

void RegisterKernels() {
  for (const size_t d : {64, 128, 384}) {
    const std::string dot = "dot/" + std::to_string(d);
    const auto products = [&](const char* variant, DotFunction function) {
      benchmark::RegisterBenchmark((dot + variant).c_str(), [d, function](benchmark::State& state) {
        Products(state, d, function);
      });
    };
    products("/ours", BestDot());
    products("/portable", DotFor(SimdLevel::kPortable));
    products("/faiss", faiss::fvec_inner_product);
    const std::string search = "exact_search/" + std::to_string(d);
    benchmark::RegisterBenchmark((search + "/ours").c_str(),
                                 [d](benchmark::State& state) { SearchRows(state, d); });
    benchmark::RegisterBenchmark((search + "/faiss").c_str(),
                                 [d](benchmark::State& state) { SearchFlat(state, d); });
  }
}

}  // namespace mixmatch
