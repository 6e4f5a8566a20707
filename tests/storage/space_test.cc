// Exact search against brute force, over restarts, refused input and damage.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <random>
#include <set>

#include "space_testing.h"
#include "storage/index/spaces.h"
#include "storage/keys.h"
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

void ExpectExact(const EmbeddingSpace& space, const Naive& naive, uint32_t seed, int rounds) {
  std::mt19937 random(seed);
  const std::vector<float> queries =
      RandomUnitVectors(static_cast<size_t>(rounds), naive.d, 0, seed);
  for (int round = 0; round < rounds; ++round) {
    const float* query = queries.data() + static_cast<size_t>(round) * naive.d;
    const size_t k = 1 + random() % 30;
    std::vector<ModalityId> partitions = {kPartitions[random() % 2]};
    if (random() % 2 == 0) partitions = {2, 1, 2, 99};
    std::set<Seq> some;
    for (size_t n = random() % 60; n > 0; --n) some.insert(random() % (naive.items.size() / 2 + 9));
    const std::vector<Seq> allowed(some.begin(), some.end());
    const std::vector<Seq>* filter = random() % 2 == 0 ? &allowed : nullptr;
    const auto result = space.Search(partitions, {query, naive.d}, k, filter);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->plan, filter == nullptr ? "exact" : "exact-filtered");
    const std::vector<size_t> expected = naive.Search(partitions, query, k, filter);
    ASSERT_EQ(result->neighbours.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const Neighbour& found = result->neighbours[i];
      EXPECT_EQ(found.item, naive.items[expected[i]].item);
      EXPECT_EQ(found.partition, naive.items[expected[i]].partition);
      EXPECT_NEAR(found.similarity, naive.Similarity(expected[i], query), 1e-5);
    }
  }
}

const IndexOptions kExact = {.seal_at = 300, .lists_from = 1 << 30};

TEST(SpaceTest, ExactSearchFindsWhatBruteForceFindsAlsoAfterReopening) {
  const TempDir dir;
  Naive naive;
  {
    const OpenSpace open(dir.path("db"), kExact, /*create=*/true);
    Fill(*open.space, naive, 1000, 0, 1);
    EXPECT_EQ(open.space->count(), 2000u);
    ExpectExact(*open.space, naive, 2, 200);
  }
  // With other limits on the segments, too.
  const OpenSpace open(dir.path("db"), {.seal_at = 77, .lists_from = 1 << 30}, /*create=*/false);
  EXPECT_EQ(open.space->count(), 2000u);
  EXPECT_EQ(open.space->dimension(), static_cast<int>(kDimension));
  EXPECT_EQ(open.space->generation(), 3u);
  EXPECT_EQ(open.space->cursor(), (SpaceCursor{.next_seq = 1001}));
  ExpectExact(*open.space, naive, 3, 100);
  Fill(*open.space, naive, 300, 0, 4);
  ExpectExact(*open.space, naive, 5, 100);
}

TEST(SpaceTest, ReadsEveryEmbeddingByItsItem) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 77, .lists_from = 1 << 30}, /*create=*/true);
  Naive naive;
  std::vector<float> read(kDimension);
  EXPECT_TRUE(absl::IsNotFound(open.space->Read(1, ItemId::ForPercept(1, 0), read)));
  naive.vectors = RandomUnitVectors(600, kDimension, 0, 6);
  for (Seq seq = 1; seq <= 300; ++seq) {  // in the order of the log, as percepts are
    naive.items.push_back({ItemId::ForPercept(2 * seq, 0), kPartitions[0]});
    naive.items.push_back({ItemId::ForPercept(2 * seq, 1), kPartitions[1]});
  }
  ASSERT_TRUE(open.space->Append(naive.items, naive.vectors, {.next_seq = 601}, false).ok());
  EXPECT_TRUE(absl::IsNotFound(open.space->Read(1, ItemId::ForPercept(301, 0), read)));
  for (size_t i = 0; i < naive.items.size(); ++i) {
    const absl::Status status =
        open.space->Read(naive.items[i].partition, naive.items[i].item, read);
    ASSERT_TRUE(status.ok()) << status;
    for (size_t d = 0; d < kDimension; ++d) {  // as lists keep it: two bytes a number
      ASSERT_NEAR(read[d], naive.vectors[i * kDimension + d], 2e-5F);
    }
  }
  EXPECT_TRUE(absl::IsNotFound(open.space->Read(1, ItemId::ForPercept(1 << 20, 0), read)));
  EXPECT_TRUE(absl::IsNotFound(open.space->Read(99, naive.items[0].item, read)));
}

TEST(SpaceTest, EqualSimilaritiesComeByItem) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), {.seal_at = 3, .lists_from = 1 << 30}, true, 2);
  std::vector<EmbeddedItem> items;
  std::vector<float> vectors;
  for (const Seq seq : std::initializer_list<Seq>{9, 2, 7, 1, 8, 3, 6}) {
    items.push_back({ItemId::ForPercept(seq, 0), 1});
    vectors.insert(vectors.end(), {1, 0});
  }
  ASSERT_TRUE(open.space->Append(items, vectors, {}, true).ok());
  const float query[] = {1, 0};
  const ModalityId partition[] = {1};
  const auto result = open.space->Search(partition, query, 4, nullptr);
  ASSERT_EQ(result->neighbours.size(), 4u);
  const Seq expected[] = {1, 2, 3, 6};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(result->neighbours[i].item.seq(), expected[i]);
}

TEST(SpaceTest, MoreThanThereIsGivesAllThereIs) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), kExact, true);
  const std::vector<float> query = RandomUnitVectors(1, kDimension, 0, 9);
  EXPECT_TRUE(open.space->Search(kPartitions, query, 5, nullptr)->neighbours.empty());
  Naive naive;
  Fill(*open.space, naive, 20, 0, 1);
  const size_t huge = std::numeric_limits<size_t>::max();
  EXPECT_EQ(open.space->Search(kPartitions, query, huge, nullptr)->neighbours.size(), 40u);
  EXPECT_TRUE(open.space->Search(kPartitions, query, 0, nullptr)->neighbours.empty());
  EXPECT_TRUE(open.space->Search({}, query, 5, nullptr)->neighbours.empty());
  const std::vector<Seq> none;
  EXPECT_TRUE(open.space->Search(kPartitions, query, 5, &none)->neighbours.empty());
}

TEST(SpaceTest, NumbersThatAreNotFiniteAreRefusedAtBothBorders) {
  const TempDir dir;
  const OpenSpace open(dir.path("db"), kExact, true, 2);
  const EmbeddedItem item[] = {{ItemId::ForPercept(1, 0), 1}};
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const float vector[] = {0, bad};
    EXPECT_TRUE(absl::IsInvalidArgument(open.space->Append(item, vector, {.next_seq = 2}, false)));
    EXPECT_TRUE(
        absl::IsInvalidArgument(open.space->Search(kPartitions, vector, 1, nullptr).status()));
  }
  const float three[] = {0, 1, 0};
  EXPECT_TRUE(absl::IsInvalidArgument(open.space->Append(item, three, {.next_seq = 2}, false)));
  EXPECT_TRUE(absl::IsInvalidArgument(open.space->Search(kPartitions, three, 1, nullptr).status()));
  EXPECT_EQ(open.space->count(), 0u);
  EXPECT_EQ(open.space->cursor(), SpaceCursor{});
}

// Appends n events of a percept in each partition at once; the cursor behind them.
void AppendBoth(EmbeddingSpace& space, size_t n, bool background) {
  const Seq first = space.cursor().next_seq;
  std::vector<EmbeddedItem> items;
  for (Seq seq = first; seq < first + n; ++seq) {
    for (const ModalityId partition : kPartitions) {
      items.push_back({ItemId::ForPercept(seq, 0), partition});
    }
  }
  const auto seed = static_cast<uint32_t>(first);
  const std::vector<float> vectors = RandomUnitVectors(2 * n, kDimension, 0, seed);
  const absl::Status appended = space.Append(items, vectors, {.next_seq = first + n}, background);
  ASSERT_TRUE(appended.ok()) << appended;
}

// What is there of a space once its process was killed now; it must be as it was at some moment.
uint64_t EventsAfterACrash(const TempDir& dir) {
  const std::string copy = dir.path("copy");
  std::filesystem::remove_all(copy);
  std::filesystem::copy(dir.path("db"), copy, std::filesystem::copy_options::recursive);
  const OpenSpace open(copy, kExact, /*create=*/false);
  if (open.space == nullptr) return 0;
  EXPECT_EQ(open.space->count(), 2 * (open.space->cursor().next_seq - 1));
  // Every row of it, and it takes in more.
  std::vector<float> read(kDimension);
  for (Seq seq = 1; seq < open.space->cursor().next_seq; ++seq) {
    for (const ModalityId partition : kPartitions) {
      EXPECT_TRUE(open.space->Read(partition, ItemId::ForPercept(seq, 0), read).ok()) << seq;
    }
  }
  const uint64_t events = open.space->cursor().next_seq - 1;
  AppendBoth(*open.space, 300, /*background=*/true);
  EXPECT_EQ(open.space->count(), 2 * (events + 300));
  return events;
}

TEST(SpaceTest, WhatIsFilledInBulkIsAsItWasAtSomeMomentAfterACrash) {
  const TempDir dir;
  {
    const OpenSpace open(dir.path("db"), kExact, /*create=*/true);
    AppendBoth(*open.space, 5, /*background=*/false);
    for (int i = 0; i < 3; ++i) AppendBoth(*open.space, 200, /*background=*/true);
    EXPECT_EQ(EventsAfterACrash(dir), 5U) << "bulk is in the log";
    AppendBoth(*open.space, 1, /*background=*/false);
    EXPECT_EQ(EventsAfterACrash(dir), 606U) << "bulk is flushed before anything is logged";
    AppendBoth(*open.space, 200, /*background=*/true);
    EXPECT_EQ(EventsAfterACrash(dir), 606U);
    for (int i = 0; i < 3; ++i) AppendBoth(*open.space, 2, /*background=*/true);
    EXPECT_EQ(EventsAfterACrash(dir), 606U) << "a little in between is no reason to flush";
    ASSERT_TRUE(open.space->Flush().ok());
    EXPECT_EQ(EventsAfterACrash(dir), 812U);
    AppendBoth(*open.space, 2, /*background=*/true);
    EXPECT_EQ(EventsAfterACrash(dir), 814U) << "little is logged in the background, too";
    AppendBoth(*open.space, 200, /*background=*/true);
  }
  EXPECT_EQ(EventsAfterACrash(dir), 1014U) << "closing flushes";
}

TEST(SpaceTest, DamagedEmbeddingsAreDataLoss) {
  const TempDir dir;
  const std::string path = dir.path("db");
  Naive naive;
  {
    const OpenSpace open(path, kExact, true);
    Fill(*open.space, naive, 500, 0, 1);
  }
  RawDatabase(path).Flip("space_3", keys::SpaceBlock(2, 0), -1);
  const auto database = *Database::Open(path, {});
  const auto spaces = MakeEmbeddingSpaces(database.get(), kExact);
  const absl::Status status = spaces->Open(3).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  // What the caller does then.
  ASSERT_TRUE(spaces->Drop(3).ok());
  EXPECT_TRUE(absl::IsNotFound(spaces->Open(3).status()));
  const auto space = spaces->Create(3, kDimension);
  ASSERT_TRUE(space.ok()) << space.status();
  EXPECT_EQ((*space)->count(), 0u);
}

TEST(SpaceTest, AMissingBlockIsDataLoss) {
  const TempDir dir;
  const std::string path = dir.path("db");
  Naive naive;
  {
    const OpenSpace open(path, kExact, true);
    Fill(*open.space, naive, 500, 0, 1);
  }
  RawDatabase(path).Delete("space_3", keys::SpaceBlock(1, 0));
  const auto database = *Database::Open(path, {});
  EXPECT_TRUE(absl::IsDataLoss(MakeEmbeddingSpaces(database.get(), kExact)->Open(3).status()));
}

}  // namespace
}  // namespace mixmatch
