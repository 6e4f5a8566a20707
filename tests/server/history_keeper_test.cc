// The keeper of the history: what it takes up at a start, and what it does not.
#include "server/history_keeper.h"

#include <gtest/gtest.h>

#include "tests/core/generations/memory_stores.h"

namespace mixmatch {
namespace {

class HistoryKeeperTest : public ::testing::Test {
 protected:
  // Steps of a second each, of which half is spent in the step.
  void Learn(HistoryKeeper& keeper, uint64_t first, uint64_t last) {
    for (uint64_t n = first; n <= last; ++n) {
      clock_.now += absl::Seconds(1);
      keeper.Add({n, false, clock_.now - absl::Seconds(0.5), clock_.now},
                 {.loss = 2, .positives = 3, .pairs = {{"a -> b", 2, 3}}});
    }
  }

  MemoryGenerationStore store_;
  FixedClock clock_;
};

TEST_F(HistoryKeeperTest, GoesOnWhereItWasSavedAndCountsIdleTimeButNotTheTimeBetween) {
  HistoryKeeper before(&store_, &clock_);
  before.Load(0);
  EXPECT_EQ(before.TimeShare(), 0);
  Learn(before, 1, 30);
  clock_.now += absl::Seconds(30);  // idle
  before.Save();
  clock_.now += absl::Hours(5);  // not running
  HistoryKeeper after(&store_, &clock_);
  after.Load(30);
  EXPECT_EQ(after.Get().rows().size(), 2U);
  EXPECT_EQ(after.Get().wall_time(), absl::Seconds(59.5));
  EXPECT_DOUBLE_EQ(after.TimeShare(), 15 / 59.5);
  Learn(after, 31, 31);
  EXPECT_EQ(after.Recent().steps(), 31U);
  EXPECT_EQ(after.Get().wall_time(), absl::Seconds(60.5));
}

TEST_F(HistoryKeeperTest, TakesUpNothingThatTheLearnerDoesNotKnow) {
  HistoryKeeper before(&store_, &clock_);
  before.Load(0);
  Learn(before, 1, 60);
  before.Save();
  HistoryKeeper after(&store_, &clock_);
  after.Load(40);
  EXPECT_EQ(after.Get().rows().back().steps_total, 25U);
  after.Load(0);  // a new learner
  EXPECT_TRUE(after.Get().rows().empty());
}

TEST_F(HistoryKeeperTest, BeginsAnewWhereWhatIsStoredCannotBeRead) {
  ASSERT_TRUE(store_.PutWeights("learner/history", "no history").ok());
  HistoryKeeper keeper(&store_, &clock_);
  keeper.Load(100);
  EXPECT_TRUE(keeper.Get().rows().empty());
  Learn(keeper, 101, 126);
  EXPECT_EQ(keeper.Get().rows().size(), 2U);
}

TEST_F(HistoryKeeperTest, ThePaceIsThatOfTheLastStepsThatLearned) {
  HistoryKeeper keeper(&store_, &clock_);
  keeper.Load(0);
  EXPECT_EQ(keeper.pace().steps_per_s, 0);
  keeper.Add({1, false, clock_.now, clock_.now + absl::Seconds(9)}, {.loss = 8, .positives = 1});
  keeper.Add({2, false, clock_.now, clock_.now + absl::Seconds(9)}, {});
  Learn(keeper, 3, 5);
  EXPECT_DOUBLE_EQ(keeper.pace().loss, (8 + 3 * 2) / 4.0);
  EXPECT_DOUBLE_EQ(keeper.pace().steps_per_s, 4 / 10.5);
  Learn(keeper, 6, 60);
  EXPECT_DOUBLE_EQ(keeper.pace().loss, 2);
  EXPECT_DOUBLE_EQ(keeper.pace().steps_per_s, 2);
}

}  // namespace
}  // namespace mixmatch
