// What an application takes of FAISS at this size, whose recall is bounded by the lists alone.
#include "tests/bench/faiss_reference.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>

namespace mixmatch {

struct FaissReference::Impl {
  Impl(size_t dimension, size_t lists)
      : centres(static_cast<int64_t>(dimension)),
        index(&centres, dimension, lists, faiss::METRIC_INNER_PRODUCT) {}
  faiss::IndexFlatIP centres;
  faiss::IndexIVFFlat index;
};

FaissReference::FaissReference(std::span<const float> vectors, size_t dimension, size_t lists)
    : impl_(std::make_unique<Impl>(dimension, lists)) {
  constexpr int kSample = 64;
  const auto count = static_cast<int64_t>(vectors.size() / dimension);
  impl_->index.cp.max_points_per_centroid = kSample;
  impl_->index.cp.min_points_per_centroid = 1;
  impl_->index.train(count, vectors.data());
  impl_->index.add(count, vectors.data());
}

FaissReference::~FaissReference() = default;

void FaissReference::SetProbes(size_t probes) { impl_->index.nprobe = probes; }

std::vector<uint32_t> FaissReference::Search(const float* query, size_t k) const {
  std::vector<float> similarities(k);
  std::vector<int64_t> found(k);
  impl_->index.search(1, query, static_cast<int64_t>(k), similarities.data(), found.data());
  std::vector<uint32_t> rows;
  for (const int64_t row : found) {
    if (row >= 0) rows.push_back(static_cast<uint32_t>(row));
  }
  return rows;
}

size_t FaissReference::bytes_per_vector() const { return impl_->index.code_size + sizeof(int64_t); }

}  // namespace mixmatch
