// What the tests of the index share: a space, its content once more, and search by its definition.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "storage/index/spaces.h"
#include "storage_testing.h"

namespace mixmatch::testing {

inline constexpr ModalityId kPartitions[] = {1, 2};
inline constexpr size_t kDimension = 24;

// Everything that was appended, and the definition of search over it.
struct Naive {
  std::vector<EmbeddedItem> items;
  std::vector<float> vectors;  // [items.size(), d]
  size_t d = kDimension;

  double Similarity(size_t i, const float* query) const {
    double sum = 0;
    for (size_t j = 0; j < d; ++j) sum += static_cast<double>(vectors[i * d + j]) * query[j];
    return sum;
  }

  // Rows by falling similarity.
  std::vector<size_t> Search(std::span<const ModalityId> partitions, const float* query, size_t k,
                             const std::vector<Seq>* allowed) const {
    std::vector<std::pair<double, size_t>> found;
    for (size_t i = 0; i < items.size(); ++i) {
      const bool wanted =
          std::find(partitions.begin(), partitions.end(), items[i].partition) != partitions.end() &&
          (allowed == nullptr ||
           std::binary_search(allowed->begin(), allowed->end(), items[i].item.seq()));
      if (wanted) found.emplace_back(-Similarity(i, query), i);
    }
    std::sort(found.begin(), found.end());
    std::vector<size_t> rows;
    for (size_t i = 0; i < std::min(k, found.size()); ++i) rows.push_back(found[i].second);
    return rows;
  }
};

// A database with one space.
struct OpenSpace {
  OpenSpace(const std::string& path, const IndexOptions& options, bool create,
            size_t d = kDimension) {
    database = *Database::Open(path, {});
    spaces = MakeEmbeddingSpaces(database.get(), options);
    auto made = create ? spaces->Create(3, static_cast<int>(d)) : spaces->Open(3);
    EXPECT_TRUE(made.ok()) << made.status();
    space = *std::move(made);
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<EmbeddingSpaces> spaces;
  std::shared_ptr<EmbeddingSpace> space;
};

// Appends n events of two percepts, one in each partition, some of them out of order, in chunks.
inline void Fill(EmbeddingSpace& space, Naive& naive, size_t n, size_t centres, uint32_t seed) {
  const size_t d = naive.d;
  const std::vector<float> vectors = RandomUnitVectors(2 * n, d, centres, seed);
  std::mt19937 random(seed);
  const Seq first = naive.items.size() / 2 + 1;
  std::vector<Seq> seqs(n);
  for (size_t i = 0; i < n; ++i) seqs[i] = first + i;
  for (size_t i = 1; i < n; i += 5) std::swap(seqs[i], seqs[i - 1]);
  for (size_t done = 0; done < n;) {
    const size_t chunk = std::min<size_t>(n - done, 1 + random() % 200);
    std::vector<EmbeddedItem> items;
    for (size_t i = done; i < done + chunk; ++i) {
      items.push_back({ItemId::ForPercept(seqs[i], 0), kPartitions[0]});
      items.push_back({ItemId::ForPercept(seqs[i], 1), kPartitions[1]});
    }
    const std::span<const float> part(vectors.data() + 2 * done * d, 2 * chunk * d);
    ASSERT_TRUE(space.Append(items, part, {.next_seq = first + done + chunk}, false).ok());
    naive.items.insert(naive.items.end(), items.begin(), items.end());
    naive.vectors.insert(naive.vectors.end(), part.begin(), part.end());
    done += chunk;
  }
}

}  // namespace mixmatch::testing
