// Graphs: recall, restarts, damage; and a space under way while it is searched or dropped.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "space_testing.h"
#include "storage/database_impl.h"
#include "storage/index/spaces.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::Fill;
using testing::kDimension;
using testing::kPartitions;
using testing::Naive;
using testing::OpenSpace;
using testing::RandomUnitVectors;
using testing::RawDatabase;
using testing::TempDir;
using testing::WaitUntil;

constexpr IndexOptions kGraphs = {.seal_at = 2000, .graph_from = 2000};

// Whether a search of the first partition goes through a graph by now.
bool SearchesByGraph(const EmbeddingSpace& space, const Naive& naive) {
  const auto result = space.Search({kPartitions, 1}, {naive.vectors.data(), naive.d}, 10, nullptr);
  return result.ok() && result->plan == "graph";
}

// Share of the true 10 nearest that search finds, over 200 queries.
double RecallAt10(const EmbeddingSpace& space, const Naive& naive) {
  const std::vector<float> queries = RandomUnitVectors(200, naive.d, 40, 1);  // Fill's clusters
  size_t hits = 0;
  for (size_t q = 0; q < 200; ++q) {
    const float* query = queries.data() + q * naive.d;
    const auto result = space.Search({kPartitions, 1}, {query, naive.d}, 10, nullptr);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->plan, "graph");
    EXPECT_EQ(result->neighbours.size(), 10u);
    EXPECT_TRUE(std::is_sorted(
        result->neighbours.begin(), result->neighbours.end(),
        [](const Neighbour& a, const Neighbour& b) { return a.similarity > b.similarity; }));
    std::set<ItemId> found;
    for (const Neighbour& neighbour : result->neighbours) found.insert(neighbour.item);
    for (const size_t row : naive.Search({kPartitions, 1}, query, 10, nullptr)) {
      hits += found.count(naive.items[row].item);
    }
  }
  return static_cast<double>(hits) / 2000;
}

// Graphs that are whole on the disk.
size_t StoredGraphs(Database& database) {
  const FamilyHandle family = database.impl().FindNamed("space_3");
  const std::unique_ptr<rocksdb::Iterator> it(database.impl().db().NewIterator({}, family.get()));
  size_t count = 0;
  for (it->Seek("m"); it->Valid() && it->key().starts_with("m"); it->Next()) ++count;
  return count;
}

TEST(SpaceGraphTest, GraphsReachRecallSurviveRestartsAndAreRebuiltWhenDamaged) {
  const TempDir dir;
  const std::string path = dir.path("db");
  Naive naive;
  {
    const OpenSpace open(path, kGraphs, true);
    Fill(*open.space, naive, 4500, 40, 1);
    ASSERT_TRUE(WaitUntil([&] { return SearchesByGraph(*open.space, naive); }));
    EXPECT_GE(RecallAt10(*open.space, naive), 0.95);
    // With k so large that the graph would be of no use, and with a filter, search is exact.
    const auto many =
        open.space->Search({kPartitions, 1}, {naive.vectors.data(), kDimension}, 4400, nullptr);
    EXPECT_EQ(many->neighbours.size(), 4400u);
    EXPECT_EQ(many->plan, "exact");
    std::vector<Seq> allowed;
    for (Seq seq = 1; seq < 4500; seq += 40) allowed.push_back(seq);
    const auto filtered =
        open.space->Search({kPartitions, 1}, {naive.vectors.data(), kDimension}, 20, &allowed);
    EXPECT_EQ(filtered->plan, "exact-filtered");
    const auto expected = naive.Search({kPartitions, 1}, naive.vectors.data(), 20, &allowed);
    ASSERT_EQ(filtered->neighbours.size(), 20u);
    for (size_t i = 0; i < 20; ++i) {
      EXPECT_EQ(filtered->neighbours[i].item, naive.items[expected[i]].item);
    }
    // Two sealed segments in each partition.
    ASSERT_TRUE(WaitUntil([&open] { return StoredGraphs(*open.database) == 4; }));
  }
  {
    // Loaded, not built: it is there at once.
    const OpenSpace open(path, kGraphs, false);
    EXPECT_TRUE(SearchesByGraph(*open.space, naive));
    EXPECT_GE(RecallAt10(*open.space, naive), 0.95);
  }
  {
    RawDatabase raw(path);
    for (const std::string& key : raw.Keys("space_3", "g")) raw.Flip("space_3", key, -100);
  }
  const OpenSpace open(path, kGraphs, false);
  EXPECT_FALSE(SearchesByGraph(*open.space, naive));  // exact until it is rebuilt
  ASSERT_TRUE(WaitUntil([&] { return SearchesByGraph(*open.space, naive); }));
  EXPECT_GE(RecallAt10(*open.space, naive), 0.95);
}

// 3000 rows: half of them a few words that come back, in vectors that differ in the last bits as
// those of other batches do; between them, as many that come once.
TEST(SpaceGraphTest, ContentThatComesBackHidesNothingAndIsFoundWhole) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 3000, .graph_from = 3000}, true);
  Naive naive;
  const std::vector<float> words = RandomUnitVectors(5, kDimension, 0, 1);
  const std::vector<float> others = RandomUnitVectors(1500, kDimension, 0, 2);
  std::mt19937 random(3);
  for (size_t i = 0; i < 3000; ++i) {
    naive.items.push_back({ItemId::ForPercept(i + 1, 0), kPartitions[0]});
    const size_t word = random() % 5;
    for (size_t j = 0; j < kDimension; ++j) {
      const float noise = 1e-8f * static_cast<float>(random() % 8);
      naive.vectors.push_back(i % 2 == 0 ? words[word * kDimension + j] + noise
                                         : others[i / 2 * kDimension + j]);
    }
  }
  ASSERT_TRUE(open.space->Append(naive.items, naive.vectors, {.next_seq = 3001}, false).ok());
  ASSERT_TRUE(WaitUntil([&] { return SearchesByGraph(*open.space, naive); }));
  // Each row that comes once finds itself.
  size_t hits = 0;
  for (size_t i = 1; i < 3000; i += 2) {
    const std::span<const float> query(naive.vectors.data() + i * kDimension, kDimension);
    const auto result = open.space->Search({kPartitions, 1}, query, 1, nullptr);
    ASSERT_EQ(result->neighbours.size(), 1u);
    hits += result->neighbours[0].item == naive.items[i].item ? 1 : 0;
  }
  EXPECT_GE(hits, 1490u);
  // A word finds as many of its equals as are asked for.
  const auto equals =
      open.space->Search({kPartitions, 1}, {words.data(), kDimension}, 100, nullptr);
  ASSERT_EQ(equals->neighbours.size(), 100u);
  EXPECT_GT(equals->neighbours.back().similarity, 0.9999f);
}

TEST(SpaceGraphTest, AFewWordsAloneAreSearchedByTheirGroupsExactly) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 2000, .graph_from = 2000}, true);
  Naive naive;
  const std::vector<float> words = RandomUnitVectors(10, kDimension, 0, 1);
  for (size_t i = 0; i < 2000; ++i) {
    naive.items.push_back({ItemId::ForPercept(i + 1, 0), kPartitions[0]});
    const float* word = words.data() + (i % 10) * kDimension;
    naive.vectors.insert(naive.vectors.end(), word, word + kDimension);
  }
  ASSERT_TRUE(open.space->Append(naive.items, naive.vectors, {.next_seq = 2001}, false).ok());
  const std::span<const float> query(words.data(), kDimension);
  ASSERT_TRUE(WaitUntil([&] {
    return open.space->Search({kPartitions, 1}, query, 5, nullptr)->candidate_count < 1000;
  }));
  for (const size_t k : {1u, 5u, 200u, 201u, 2000u, 3000u}) {
    const auto result = open.space->Search({kPartitions, 1}, query, k, nullptr);
    EXPECT_EQ(result->plan, "exact");
    const std::vector<size_t> expected = naive.Search({kPartitions, 1}, query.data(), k, nullptr);
    ASSERT_EQ(result->neighbours.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(result->neighbours[i].item, naive.items[expected[i]].item) << k << " " << i;
    }
  }
}

TEST(SpaceGraphTest, ADroppedSpaceIsGoneAndItsReadersFinish) {
  const TempDir dir;
  const std::string path = dir.path("db");
  Naive naive;
  {
    OpenSpace open(path, kGraphs, true);
    Fill(*open.space, naive, 2500, 40, 1);  // a graph is under way
    EXPECT_TRUE(absl::IsAlreadyExists(open.spaces->Create(3, 8).status()));
    EXPECT_EQ(open.spaces->Open(3).value(), open.space);
    ASSERT_TRUE(open.spaces->Drop(3).ok());
    ASSERT_TRUE(open.spaces->Drop(3).ok());
    EXPECT_TRUE(absl::IsNotFound(open.spaces->Open(3).status()));
    const float* query = naive.vectors.data();
    EXPECT_EQ(open.space->Search(kPartitions, {query, kDimension}, 7, nullptr)->neighbours.size(),
              7u);
    const EmbeddedItem item[] = {{ItemId::ForPercept(9999, 0), 1}};
    EXPECT_TRUE(absl::IsFailedPrecondition(
        open.space->Append(item, {query, kDimension}, {.next_seq = 10000}, false)));
    // The same number may be used again, of another dimension.
    const auto again = open.spaces->Create(3, 8);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ((*again)->count(), 0u);
    ASSERT_TRUE(WaitUntil([&] { return SearchesByGraph(*open.space, naive); }));
    // The late graph went nowhere, and the database still takes writes.
    ASSERT_TRUE(open.database->PutSetting("a", "b").ok());
    ASSERT_TRUE((*again)->Append(item, std::vector<float>(8, 0.1f), {.next_seq = 2}, false).ok());
  }
  OpenSpace open(path, kGraphs, false);
  EXPECT_EQ(open.space->dimension(), 8);
  EXPECT_EQ(open.space->count(), 1u);
}

TEST(SpaceGraphTest, SearchesBesideAppendingSeeWholeRowsInOrder) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 500, .graph_from = 500}, true);
  std::atomic<bool> done{false};
  std::atomic<int> searches{0};
  std::vector<std::thread> readers;
  for (uint32_t reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&, reader] {
      const std::vector<float> query = RandomUnitVectors(1, kDimension, 0, 100 + reader);
      while (!done) {
        const uint64_t before = open.space->count();
        const auto result = open.space->Search(kPartitions, query, 50, nullptr);
        ASSERT_TRUE(result.ok()) << result.status();
        // All that was counted before is found, nothing twice.
        ASSERT_GE(result->neighbours.size(), std::min<uint64_t>(50, before));
        std::set<std::pair<ModalityId, ItemId>> distinct;
        for (const Neighbour& n : result->neighbours) distinct.insert({n.partition, n.item});
        ASSERT_EQ(distinct.size(), result->neighbours.size());
        ++searches;
      }
    });
  }
  Naive naive;
  Fill(*open.space, naive, 3000, 0, 1);
  ASSERT_TRUE(WaitUntil([&searches] { return searches > 50; }));
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(open.space->count(), 6000u);
}

}  // namespace
}  // namespace mixmatch
