// Made up, from a file, or out of a memory.
#include "tests/bench/index_vectors.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <utility>

#include "core/base/status.h"
#include "storage/database.h"
#include "storage/database_impl.h"
#include "storage/index/space_store.h"

namespace mixmatch {
namespace {

void Normalise(float* x, size_t d) {
  double squares = 0;
  for (size_t i = 0; i < d; ++i) squares += static_cast<double>(x[i]) * x[i];
  const auto scale = static_cast<float>(1 / std::sqrt(squares));
  for (size_t i = 0; i < d; ++i) x[i] *= scale;
}

}  // namespace

std::vector<float> Clustered(size_t n, size_t d, size_t clusters) {
  constexpr size_t kDirections = 12;
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> centres(clusters * d);
  for (float& v : centres) v = normal(random);
  for (size_t c = 0; c < clusters; ++c) Normalise(centres.data() + c * d, d);
  std::vector<float> directions(clusters * kDirections * d);
  for (float& v : directions) v = normal(random) / std::sqrt(static_cast<float>(d));
  std::vector<double> weights(clusters);
  for (size_t c = 0; c < clusters; ++c) weights[c] = 1 / std::sqrt(static_cast<double>(c + 1));
  std::discrete_distribution<size_t> pick(weights.begin(), weights.end());
  std::vector<float> vectors(n * d);
  for (size_t i = 0; i < n; ++i) {
    float* x = vectors.data() + i * d;
    const size_t c = pick(random);
    for (size_t j = 0; j < d; ++j) {
      x[j] = centres[c * d + j] + 0.15F * normal(random) / std::sqrt(static_cast<float>(d));
    }
    for (size_t k = 0; k < kDirections; ++k) {
      const float step = 0.2F * normal(random);
      const float* direction = directions.data() + (c * kDirections + k) * d;
      for (size_t j = 0; j < d; ++j) x[j] += step * direction[j];
    }
    Normalise(x, d);
  }
  return vectors;
}

std::vector<float> RowsOf(const std::string& path, size_t d) {
  std::ifstream file(path, std::ios::binary);
  file.seekg(0, std::ios::end);
  std::vector<float> rows(static_cast<size_t>(std::max<std::streamoff>(file.tellg(), 0)) /
                          sizeof(float) / d * d);
  file.seekg(0);
  file.read(reinterpret_cast<char*>(rows.data()),
            static_cast<std::streamsize>(rows.size() * sizeof(float)));
  return rows;
}

absl::StatusOr<std::vector<float>> EmbeddingsOf(const std::string& memory, size_t& d) {
  MM_ASSIGN_OR_RETURN(
      const auto database,
      Database::Open(memory + "/db", {.create_if_missing = false, .read_only = true}));
  const std::map<std::string, FamilyHandle> named = database->impl().Named();
  std::pair<uint64_t, std::string> newest;
  for (const auto& [name, family] : named) {
    const uint64_t number = std::strtoull(name.c_str() + name.find('_') + 1, nullptr, 10);
    newest = std::max(newest, {number, name});
  }
  if (newest.second.empty()) return absl::NotFoundError("the memory has no embeddings");
  const SpaceStore store(&database->impl(), newest.second, named.at(newest.second));
  MM_ASSIGN_OR_RETURN(d, store.ReadDimension());
  std::vector<float> rows;
  MM_RETURN_IF_ERROR(store.ReadBlocks(d, [&rows](const Block& block) {
    rows.insert(rows.end(), block.vectors.begin(), block.vectors.end());
  }));
  std::vector<size_t> order(rows.size() / d);
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), std::mt19937_64(1));
  std::vector<float> vectors;
  for (const size_t row : order) {
    vectors.insert(vectors.end(), rows.begin() + static_cast<ptrdiff_t>(row * d),
                   rows.begin() + static_cast<ptrdiff_t>((row + 1) * d));
  }
  return vectors;
}

}  // namespace mixmatch
