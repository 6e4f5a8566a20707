// Replay: rare modalities are in every batch, and nothing else is preferred.
#include "core/learning/replay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace mixmatch {
namespace {

// One in `every` episodes has modality 2 beside modality 1.
Replay Made(uint64_t count, uint64_t every) {
  Replay replay;
  for (uint64_t i = 0; i < count; ++i) {
    replay.Add({.id = i + 1, .modalities = i % every == 0 ? 0b110U : 0b010U});
  }
  return replay;
}

int Rare(const std::vector<EpisodeId>& ids, uint64_t every) {
  return static_cast<int>(std::count_if(ids.begin(), ids.end(),
                                        [every](EpisodeId id) { return (id - 1) % every == 0; }));
}

TEST(ReplayTest, DrawsDistinctEpisodesOnceItCan) {
  const Replay replay = Made(200, 100);
  std::vector<EpisodeId> ids = {12345};
  replay.Draw(56, 64, 7, ids);
  EXPECT_EQ(ids.size(), 57U);
  EXPECT_EQ(ids.front(), 12345U);
  EXPECT_EQ(std::set<EpisodeId>(ids.begin(), ids.end()).size(), 57U);
  std::vector<EpisodeId> all;
  replay.Draw(1000, 64, 7, all);
  EXPECT_EQ(all.size(), 200U);
  EXPECT_EQ(std::set<EpisodeId>(all.begin(), all.end()).size(), 200U);
}

TEST(ReplayTest, ARareModalityIsInEveryBatch) {
  const Replay replay = Made(10'000, 100);
  int total = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<EpisodeId> ids;
    replay.Draw(56, 64, seed, ids);
    EXPECT_GE(Rare(ids, 100), 6);
    total += Rare(ids, 100);
  }
  EXPECT_NEAR(total / 200.0, Replay::kRareShare * 64, 1.0);
}

TEST(ReplayTest, AHandfulIsNotWornOut) {
  const Replay replay = Made(8000, 1000);  // eight hold it
  int total = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<EpisodeId> ids;
    replay.Draw(56, 64, seed, ids);
    total += Rare(ids, 1000);
  }
  EXPECT_LT(total / 200.0, 2.5);
  EXPECT_GT(total / 200.0, 1.5);
}

TEST(ReplayTest, WhatIsFrequentEnoughIsLeftToChance) {
  const Replay replay = Made(10'000, 5);
  int total = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    std::vector<EpisodeId> ids;
    replay.Draw(56, 64, seed, ids);
    total += Rare(ids, 5);
  }
  EXPECT_NEAR(total / 200.0, 56 / 5.0, 1.0);
}

}  // namespace
}  // namespace mixmatch
