// Inverted lists: recall, merging, restarts, damage; and a space under way while it is searched or
// dropped.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <thread>
#include <vector>

#include "space_testing.h"
#include "storage/database_impl.h"
#include "storage/index/space_store.h"
#include "storage/index/spaces.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::Fill;
using testing::kDimension;
using testing::kPartitions;
using testing::Naive;
using testing::OpenSpace;
using ::testing::PrintToString;
using testing::RandomUnitVectors;
using testing::RawDatabase;
using testing::TempDir;
using testing::WaitUntil;

const IndexOptions kLists = {.seal_at = 2000, .lists_from = 2000, .lists_probed = 20};

// Whether a search of the first partition goes through lists by now.
bool SearchesByLists(const EmbeddingSpace& space, const Naive& naive) {
  const auto result = space.Search({kPartitions, 1}, {naive.vectors.data(), naive.d}, 10, nullptr);
  return result.ok() && result->plan == "lists";
}

// Share of the true 10 nearest that search finds, over 200 queries.
double RecallAt10(const EmbeddingSpace& space, const Naive& naive) {
  const std::vector<float> queries = RandomUnitVectors(200, naive.d, 40, 1);  // Fill's clusters
  size_t hits = 0;
  for (size_t q = 0; q < 200; ++q) {
    const float* query = queries.data() + q * naive.d;
    const auto result = space.Search({kPartitions, 1}, {query, naive.d}, 10, nullptr);
    EXPECT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->plan, "lists");
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

// How many rows each of the lists on the disk has, the partitions one after the other.
std::vector<size_t> StoredLists(Database& database) {
  std::vector<size_t> rows;
  const SpaceStore store(&database.impl(), "space_3", database.impl().FindNamed("space_3"));
  for (const auto& [place, count] : store.ReadListsRows()) rows.push_back(count);
  return rows;
}

TEST(SpaceListsTest, ListsReachRecallSurviveRestartsAndAreRebuiltWhenDamaged) {
  const TempDir dir;
  const std::string path = dir.path("db");
  Naive naive;
  {
    const OpenSpace open(path, kLists, true);
    Fill(*open.space, naive, 4500, 40, 1);
    ASSERT_TRUE(WaitUntil([&] { return SearchesByLists(*open.space, naive); }));
    EXPECT_GE(RecallAt10(*open.space, naive), 0.95);
    // With k so large that all lists are looked through, and with a filter that lets few pass,
    // search is exact.
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
    ASSERT_TRUE(WaitUntil([&open] { return StoredLists(*open.database).size() == 4; }));
  }
  {
    // Loaded, not built: it is there at once.
    const OpenSpace open(path, kLists, false);
    EXPECT_TRUE(SearchesByLists(*open.space, naive));
    EXPECT_GE(RecallAt10(*open.space, naive), 0.95);
  }
  {
    RawDatabase raw(path);
    for (const std::string& key : raw.Keys("space_3", "g")) raw.Flip("space_3", key, -100);
  }
  const OpenSpace open(path, kLists, false);
  // Exact until they are rebuilt, which may be before anybody looks.
  ASSERT_TRUE(WaitUntil([&] { return SearchesByLists(*open.space, naive); }));
  EXPECT_GE(RecallAt10(*open.space, naive), 0.95);
}

TEST(SpaceListsTest, SegmentsAreMergedAndEveryRowStaysFound) {
  const TempDir dir;
  // Few enough points for every list to be looked through: answers must be those of brute force.
  // What is sealed is only merged once all of it is: of what is merged in the middle of sealing, as
  // on a busy machine, the rest may be too small to join.
  const IndexOptions sealing = {
      .seal_at = 50, .lists_from = 50, .merge_of = 100, .merge_idle = absl::Hours(1)};
  const IndexOptions merging = {
      .seal_at = 50, .lists_from = 50, .merge_of = 4, .merge_idle = absl::Milliseconds(100)};
  Naive naive;
  const auto append = [&naive](EmbeddingSpace& space, size_t n, uint32_t seed) {
    const std::vector<float> vectors = RandomUnitVectors(2 * n, kDimension, 0, seed);
    std::vector<EmbeddedItem> items;
    const Seq first = naive.items.size() / 2 + 1;
    for (size_t i = 0; i < 2 * n; ++i) {
      items.push_back({ItemId::ForPercept(first + i / 2, i % 2), kPartitions[i % 2]});
    }
    ASSERT_TRUE(space.Append(items, vectors, {.next_seq = first + n}, false).ok());
    naive.items.insert(naive.items.end(), items.begin(), items.end());
    naive.vectors.insert(naive.vectors.end(), vectors.begin(), vectors.end());
  };
  const auto check = [&naive](const EmbeddingSpace& space) {
    ASSERT_EQ(space.count(), naive.items.size());
    std::vector<float> vector(kDimension);
    for (size_t i = 0; i < naive.items.size(); i += 7) {
      const float* query = naive.vectors.data() + i * naive.d;
      ASSERT_TRUE(space.Read(naive.items[i].partition, naive.items[i].item, vector).ok()) << i;
      for (size_t j = 0; j < kDimension; ++j) ASSERT_NEAR(vector[j], query[j], 2e-5);
      const auto result = space.Search(kPartitions, {query, kDimension}, 5, nullptr);
      const std::vector<size_t> expected = naive.Search(kPartitions, query, 5, nullptr);
      ASSERT_EQ(result->neighbours.size(), 5u);
      for (size_t k = 0; k < 5; ++k) {
        // Codes may change the places of what is all but equally near.
        ASSERT_NEAR(result->neighbours[k].similarity, naive.Similarity(expected[k], query), 3e-5);
      }
      ASSERT_EQ(result->neighbours[0].item, naive.items[i].item);
    }
  };
  using Rows = std::vector<size_t>;
  // Opens the space, appends so many and waits for these lists.
  const auto reach = [&](const IndexOptions& options, bool create, size_t n, const Rows& rows) {
    const OpenSpace open(dir.path("db"), options, create);
    if (n > 0) append(*open.space, n, create ? 1 : 2);
    ASSERT_TRUE(WaitUntil([&] { return StoredLists(*open.database) == rows; }))
        << PrintToString(StoredLists(*open.database));
    check(*open.space);
  };
  // 8 full segments in each partition become one; 30 rows still grow.
  ASSERT_NO_FATAL_FAILURE(reach(sealing, true, 430, Rows(16, 50)));
  ASSERT_NO_FATAL_FAILURE(reach(merging, false, 0, {400, 400}));
  // What came since is not small beside that one, and joins it.
  Rows sealed = {400};
  sealed.resize(9, 50);
  sealed.push_back(400);
  sealed.resize(18, 50);
  ASSERT_NO_FATAL_FAILURE(reach(sealing, false, 400, sealed));
  ASSERT_NO_FATAL_FAILURE(reach(merging, false, 0, {800, 800}));
  const OpenSpace open(dir.path("db"), merging, false);
  check(*open.space);
  EXPECT_EQ(StoredLists(*open.database), (Rows{800, 800}));
}

TEST(SpaceListsTest, ASmallLastSegmentKeepsNoLargeOnesApart) {
  const TempDir dir;
  IndexOptions options = {
      .seal_at = 50, .lists_from = 50, .merge_of = 4, .merge_idle = absl::Hours(1)};
  Seq next = 1;
  const auto append = [&next](EmbeddingSpace& space, size_t n) {
    const std::vector<float> vectors =
        RandomUnitVectors(n, kDimension, 0, static_cast<uint32_t>(next));
    std::vector<EmbeddedItem> items;
    for (size_t i = 0; i < n; ++i) {
      items.push_back({ItemId::ForPercept(next + i, 0), kPartitions[0]});
    }
    next += n;
    ASSERT_TRUE(space.Append(items, vectors, {.next_seq = next}, false).ok());
  };
  using Rows = std::vector<size_t>;
  {
    // While busy four of one size become one: 200 rows each, then 800.
    const OpenSpace open(dir.path("db"), options, true);
    const std::vector<Rows> steps = {
        {200},           {200, 200},           {200, 200, 200}, {800},         {800, 200},
        {800, 200, 200}, {800, 200, 200, 200}, {800, 800},      {800, 800, 50}};
    for (const Rows& step : steps) {
      append(*open.space, step.back() == 50 ? 50 : 200);
      ASSERT_TRUE(WaitUntil([&] { return StoredLists(*open.database) == step; }));
    }
  }
  options.merge_idle = absl::Milliseconds(100);
  const OpenSpace open(dir.path("db"), options, false);
  EXPECT_TRUE(WaitUntil([&] { return StoredLists(*open.database) == Rows{1600, 50}; }));
}

TEST(SpaceListsTest, BackgroundWritesOutliveCompactionThatIsBehind) {
  const TempDir dir;
  const auto database = *Database::Open(dir.path("db"), {.write_buffer_bytes = 1 << 20});
  const auto spaces = MakeEmbeddingSpaces(database.get(), {.lists_from = 1 << 30});
  const auto space = *spaces->Create(3, 128);
  const std::vector<float> vectors = RandomUnitVectors(2000, 128, 0, 1);
  std::vector<EmbeddedItem> items(2000);
  for (Seq seq = 1; seq <= 200'000; seq += 2000) {
    for (size_t i = 0; i < 2000; ++i) items[i] = {ItemId::ForPercept(seq + i, 0), 1};
    ASSERT_TRUE(space->Append(items, vectors, {.next_seq = seq + 2000}, true).ok());
  }
  EXPECT_EQ(space->count(), 200'000u);
}

// 3000 rows: half of them a few words that come back, in vectors that differ in the last bits as
// those of other batches do; between them, as many that come once.
TEST(SpaceListsTest, ContentThatComesBackHidesNothingAndIsFoundWhole) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 3000, .lists_from = 3000}, true);
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
  ASSERT_TRUE(WaitUntil([&] { return SearchesByLists(*open.space, naive); }));
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

TEST(SpaceListsTest, AFewWordsAloneAreSearchedByTheirGroupsExactly) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 2000, .lists_from = 2000}, true);
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
  // So many of each word as are wanted, and then no more.
  for (const size_t equal_max : {1u, 3u}) {
    const auto result = open.space->Search({kPartitions, 1}, query, 100, nullptr, equal_max);
    ASSERT_EQ(result->neighbours.size(), 10 * equal_max);
    std::map<uint64_t, size_t> by_word;
    for (const Neighbour& one : result->neighbours) ++by_word[(one.item.seq() - 1) % 10];
    EXPECT_EQ(by_word.size(), 10u);
    for (const auto& [word, count] : by_word) EXPECT_EQ(count, equal_max) << word;
  }
}

TEST(SpaceListsTest, EventsOfOtherModalitiesThatPassAFilterDoNotHideTheFewRowsThatDo) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), kLists, true);
  Naive naive;
  naive.vectors = RandomUnitVectors(2000, kDimension, 40, 1);
  for (Seq i = 0; i < 2000; ++i) {
    naive.items.push_back({ItemId::ForPercept(20 * (i + 1), 0), kPartitions[0]});
  }
  ASSERT_TRUE(open.space->Append(naive.items, naive.vectors, {.next_seq = 40001}, false).ok());
  ASSERT_TRUE(WaitUntil([&] { return SearchesByLists(*open.space, naive); }));
  // All events of other modalities, and every fortieth of this one.
  std::vector<Seq> allowed;
  for (Seq seq = 1; seq <= 40000; ++seq) {
    if (seq % 20 != 0 || seq % 800 == 0) allowed.push_back(seq);
  }
  const std::vector<float> queries = RandomUnitVectors(50, kDimension, 40, 1);
  for (size_t q = 0; q < 50; ++q) {
    const float* query = queries.data() + q * kDimension;
    const auto result = open.space->Search({kPartitions, 1}, {query, kDimension}, 10, &allowed);
    const std::vector<size_t> expected = naive.Search({kPartitions, 1}, query, 10, &allowed);
    ASSERT_EQ(result->neighbours.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(result->neighbours[i].item, naive.items[expected[i]].item) << q << " " << i;
    }
  }
}

TEST(SpaceListsTest, ADroppedSpaceIsGoneAndItsReadersFinish) {
  const TempDir dir;
  const std::string path = dir.path("db");
  Naive naive;
  {
    OpenSpace open(path, kLists, true);
    Fill(*open.space, naive, 2500, 40, 1);  // lists are under way
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
    ASSERT_TRUE(WaitUntil([&] { return SearchesByLists(*open.space, naive); }));
    // The late lists went nowhere, and the database still takes writes.
    ASSERT_TRUE(open.database->PutSetting("a", "b").ok());
    ASSERT_TRUE((*again)->Append(item, std::vector<float>(8, 0.1f), {.next_seq = 2}, false).ok());
  }
  OpenSpace open(path, kLists, false);
  EXPECT_EQ(open.space->dimension(), 8);
  EXPECT_EQ(open.space->count(), 1u);
}

TEST(SpaceListsTest, SearchesBesideAppendingSeeWholeRowsInOrder) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 500, .lists_from = 500}, true);
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
