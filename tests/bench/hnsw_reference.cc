// Compiled for the machine at hand: the library chooses its instructions when it is compiled.
#include "tests/bench/hnsw_reference.h"

#include <hnswlib/hnswlib.h>

#include <atomic>
#include <thread>

namespace mixmatch {

struct HnswReference::Impl {
  Impl(size_t dimension, size_t count, size_t m, size_t ef_construction)
      : space(dimension), index(&space, count, m, ef_construction) {}
  hnswlib::InnerProductSpace space;
  hnswlib::HierarchicalNSW<float> index;
};

HnswReference::HnswReference(std::span<const float> vectors, size_t dimension, size_t m,
                             size_t ef_construction, int threads)
    : impl_(std::make_unique<Impl>(dimension, vectors.size() / dimension, m, ef_construction)) {
  const size_t count = vectors.size() / dimension;
  std::atomic<size_t> next{0};
  std::vector<std::thread> team;
  for (int t = 0; t < threads; ++t) {
    team.emplace_back([&] {
      for (size_t row = next++; row < count; row = next++) {
        impl_->index.addPoint(vectors.data() + row * dimension, row);
      }
    });
  }
  for (std::thread& thread : team) thread.join();
}

HnswReference::~HnswReference() = default;

void HnswReference::SetEf(size_t ef) { impl_->index.setEf(ef); }

std::vector<uint32_t> HnswReference::Search(const float* query, size_t k) const {
  auto found = impl_->index.searchKnn(query, k);
  std::vector<uint32_t> rows;
  for (; !found.empty(); found.pop()) rows.push_back(static_cast<uint32_t>(found.top().second));
  return rows;
}

size_t HnswReference::bytes_per_vector() const {
  // Level 0 alone; the levels above add about a sixteenth of the links.
  return impl_->index.size_data_per_element_;
}

}  // namespace mixmatch
