// The history of training: rows that add up, however often they were merged, stored or undone.
#include "core/learning/history.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace mixmatch {
namespace {

absl::Time At(double second) { return absl::FromUnixSeconds(1000) + absl::Seconds(second); }

StepResult Loss(double a, double b) {
  return {.loss = (a + b) / 2,
          .positives = 40,
          .pairs = {{.pair = "b -> a", .loss = b, .positives = 30},
                    {.pair = "a -> b", .loss = a, .positives = 10}}};
}

// Step n of a learner that makes one every second, each taking a quarter; every third is replay.
void AddStep(TrainingHistory& history, uint64_t n, const StepResult& result) {
  const auto second = static_cast<double>(n);
  history.Add({n, n % 3 == 0, At(second - 0.25), At(second)}, result);
}

void AddSteps(TrainingHistory& history, uint64_t first, uint64_t last) {
  for (uint64_t n = first; n <= last; ++n) AddStep(history, n, Loss(static_cast<double>(n), 1));
}

TEST(HistoryTest, ARowHoldsTwentyFiveStepsAndTheLastOneMayBeOpen) {
  TrainingHistory history;
  EXPECT_TRUE(history.rows().empty());
  AddSteps(history, 1, 30);
  const std::vector<HistoryRow> rows = history.rows();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].steps_total, 25U);
  EXPECT_EQ(rows[0].end, At(25));
  EXPECT_EQ(rows[0].steps_new, 17U);
  EXPECT_EQ(rows[0].steps_replay, 8U);
  EXPECT_EQ(rows[0].steps_scored, 25U);
  EXPECT_DOUBLE_EQ(rows[0].loss, 7);  // of (n + 1) / 2
  ASSERT_EQ(rows[0].pairs.size(), 2U);
  EXPECT_EQ(rows[0].pairs[0].pair, "a -> b");  // by name
  EXPECT_DOUBLE_EQ(rows[0].pairs[0].loss, 13);
  EXPECT_EQ(rows[0].pairs[0].positives, 250U);
  EXPECT_DOUBLE_EQ(rows[0].pairs[1].loss, 1);
  EXPECT_EQ(rows[0].step_time, absl::Seconds(25 * 0.25));
  EXPECT_EQ(rows[0].wall_time, absl::Seconds(24.25));  // from the start of the first step
  EXPECT_EQ(rows[1].steps_total, 30U);
  EXPECT_EQ(rows[1].steps(), 5U);
  EXPECT_EQ(rows[1].wall_time, absl::Seconds(5));
  EXPECT_EQ(history.step_time(), absl::Seconds(30 * 0.25));
  EXPECT_EQ(history.wall_time(), absl::Seconds(29.25));
  EXPECT_DOUBLE_EQ(history.TimeShare(At(30)), 7.5 / 29.25);
  EXPECT_DOUBLE_EQ(history.TimeShare(At(60)), 7.5 / 59.25);
}

TEST(HistoryTest, StaysBoundedAndLosesNothingButResolution) {
  TrainingHistory history;
  constexpr uint64_t kRow = 25;
  constexpr uint64_t kSteps = kRow * 512 * 5 + 7;
  for (uint64_t n = 1; n <= kSteps; ++n) {
    AddStep(history, n, Loss(2, 1));
    if (n % 25 == 0) {
      ASSERT_LE(history.rows().size(), TrainingHistory::kRowsMax + 1);
    }
    if (n == kRow * 512) {
      ASSERT_EQ(history.rows().size(), 512U);
    } else if (n == kRow * 513) {
      ASSERT_EQ(history.rows().size(), 257U);
    }
  }
  const std::vector<HistoryRow> rows = history.rows();
  EXPECT_EQ(rows.size(), 321U);  // 320 of 200 steps, and the open one
  EXPECT_EQ(rows[0].steps_total, 200U);
  EXPECT_EQ(rows.back().steps_total, kSteps);
  uint64_t steps = 0;
  uint64_t positives = 0;
  absl::Duration step_time;
  absl::Duration wall_time;
  for (const HistoryRow& row : rows) {
    steps += row.steps();
    positives += row.pairs[0].positives;
    step_time += row.step_time;
    wall_time += row.wall_time;
    EXPECT_DOUBLE_EQ(row.loss, 1.5);
    EXPECT_DOUBLE_EQ(row.pairs[0].loss, 2);
  }
  EXPECT_EQ(steps, kSteps);
  EXPECT_EQ(positives, kSteps * 10);
  EXPECT_EQ(step_time, history.step_time());
  EXPECT_EQ(wall_time, history.wall_time());
}

TEST(HistoryTest, MergedRowsAreWeightedByWhatTheyStandFor) {
  TrainingHistory history;
  AddStep(history, 1, {.loss = 4, .positives = 3, .pairs = {{"x", 4, 3}}});
  AddStep(history, 2, {.loss = 1, .positives = 1, .pairs = {{"x", 0, 1}}});
  AddStep(history, 3, {});  // nothing to learn from
  ASSERT_EQ(history.rows().size(), 1U);
  const HistoryRow row = history.rows()[0];
  EXPECT_EQ(row.steps(), 3U);
  EXPECT_EQ(row.steps_scored, 2U);
  EXPECT_DOUBLE_EQ(row.loss, 2.5);                             // per step
  EXPECT_EQ(row.pairs, (std::vector<PairLoss>{{"x", 3, 4}}));  // per positive
}

TEST(HistoryTest, AStepThatDidNotCountIsNotTakenIn) {
  TrainingHistory history;
  AddSteps(history, 1, 2);
  AddStep(history, 2, Loss(5, 5));
  EXPECT_EQ(history.rows()[0].steps(), 2U);
  EXPECT_EQ(history.step_time(), absl::Seconds(0.5));
}

TEST(HistoryTest, TheLastRowsAreJoinedUntilThereAreEnoughSteps) {
  TrainingHistory history;
  EXPECT_EQ(history.Recent(100).steps(), 0U);
  AddSteps(history, 1, 30);
  EXPECT_EQ(history.Recent(5).steps(), 5U);
  EXPECT_EQ(history.Recent(6).steps(), 30U);
  EXPECT_EQ(history.Recent(100).steps(), 30U);
  AddSteps(history, 31, 140);
  const HistoryRow recent = history.Recent(100);
  EXPECT_EQ(recent.steps(), 115U);
  EXPECT_EQ(recent.steps_total, 140U);
  EXPECT_NEAR(recent.pairs[0].loss, (26 + 140) / 2.0, 1e-9);
}

TEST(HistoryTest, TimeInWhichTheProcessDidNotRunIsNotCounted) {
  TrainingHistory history;
  history.Resume(At(-500));
  history.CountTime(At(-100));  // before the first step nothing counts
  AddSteps(history, 1, 4);
  history.CountTime(At(10));
  EXPECT_EQ(history.wall_time(), absl::Seconds(9.25));
  history.Resume(At(1000));
  history.CountTime(At(1001));
  history.CountTime(At(990));  // the clock was set back
  EXPECT_EQ(history.wall_time(), absl::Seconds(10.25));
  history.Add({5, false, At(990), At(991)}, Loss(1, 1));
  EXPECT_EQ(history.wall_time(), absl::Seconds(11.25));
  EXPECT_EQ(history.rows()[0].wall_time, absl::Seconds(11.25));
}

TEST(HistoryTest, UndoneStepsAreForgottenButTheTimeThatTheyTookIsNot) {
  TrainingHistory history;
  AddSteps(history, 1, 60);
  history.Undo(49);
  ASSERT_EQ(history.rows().size(), 1U);
  EXPECT_EQ(history.rows()[0].steps_total, 25U);
  EXPECT_EQ(history.step_time(), absl::Seconds(15));
  history.Add({50, false, At(70), At(71)}, Loss(1, 1));
  EXPECT_EQ(history.rows().back().steps_total, 50U);
  history.Undo(0);
  EXPECT_TRUE(history.rows().empty());
  EXPECT_EQ(history.wall_time(), absl::ZeroDuration());
}

TEST(HistoryTest, OnlySoManyPairsHaveNamesOfTheirOwn) {
  TrainingHistory history;
  StepResult result{.loss = 1, .positives = 100};
  for (int i = 0; i < 100; ++i) result.pairs.push_back({absl::StrCat("pair ", i), 1.0 * i, 1});
  AddStep(history, 1, result);
  const HistoryRow row = history.rows()[0];
  ASSERT_EQ(row.pairs.size(), TrainingHistory::kPairsMax + 1);
  EXPECT_EQ(row.pairs[0].pair, TrainingHistory::kOtherPairs);
  EXPECT_EQ(row.pairs[0].positives, 36U);
  EXPECT_DOUBLE_EQ(row.pairs[0].loss, (64 + 99) / 2.0);
  const auto copy = TrainingHistory::Deserialize(history.Serialize());
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->rows(), history.rows());
}

TEST(HistoryTest, ComesBackAsItWasAndGoesOnTheSame) {
  constexpr uint64_t kSteps = 12'828;  // 513 rows and 3 steps
  TrainingHistory history;
  AddSteps(history, 1, kSteps);
  const std::string bytes = history.Serialize();
  auto copy = TrainingHistory::Deserialize(bytes);
  ASSERT_TRUE(copy.ok()) << copy.status();
  EXPECT_EQ(copy->Serialize(), bytes);
  EXPECT_EQ(copy->rows(), history.rows());
  EXPECT_EQ(copy->wall_time(), history.wall_time());
  copy->Resume(At(kSteps));
  AddSteps(history, kSteps + 1, 15'000);
  AddSteps(*copy, kSteps + 1, 15'000);
  EXPECT_EQ(copy->Serialize(), history.Serialize());
  const auto empty = TrainingHistory::Deserialize(TrainingHistory().Serialize());
  ASSERT_TRUE(empty.ok()) << empty.status();
  EXPECT_TRUE(empty->rows().empty());
}

TEST(HistoryTest, DamagedBytesAreRefused) {
  TrainingHistory history;
  AddSteps(history, 1, 30);
  const std::string bytes = history.Serialize();
  for (size_t i = 0; i < bytes.size(); i += 11) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 4);
    EXPECT_TRUE(absl::IsDataLoss(TrainingHistory::Deserialize(damaged).status())) << i;
  }
  EXPECT_FALSE(TrainingHistory::Deserialize("").ok());
}

}  // namespace
}  // namespace mixmatch
