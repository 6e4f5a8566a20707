// The accuracy matrix and its figures, on matrices small enough to check by hand.
#include "core/generations/continual.h"

#include <gtest/gtest.h>

namespace mixmatch {
namespace {

// A record judged on consecutive periods of `length` episodes; a score below 0: no probes.
GenerationRecord Record(Generation number, uint64_t length, const std::vector<double>& scores,
                        GenerationState state = GenerationState::kRetired) {
  GenerationRecord record{.number = number, .state = state, .steps = number * 100};
  for (size_t i = 0; i < scores.size(); ++i) {
    record.periods.push_back({.first_ordinal = i * length,
                              .last_ordinal = (i + 1) * length,
                              .score = scores[i],
                              .probe_count = scores[i] < 0 ? 0U : 10U});
  }
  return record;
}

TEST(ContinualTest, AMatrixOfEqualPeriodsGivesWhatTheFormulasSay) {
  const std::vector<GenerationRecord> records = {
      Record(1, 64, {0.75}), Record(2, 64, {0.875, 0.5}, GenerationState::kRefused),
      Record(3, 64, {0.625, 0.75, 1.0})};
  const std::vector<Judgement> judgements = JudgementsOf(records);
  ASSERT_EQ(judgements.size(), 3U);
  EXPECT_EQ(judgements[1].number, 2U);
  EXPECT_EQ(judgements[1].state, GenerationState::kRefused);
  EXPECT_EQ(judgements[1].steps, 200U);
  EXPECT_EQ(judgements[1].average_score, 0.6875);
  const ContinualMeasures measures = Measure(judgements);
  EXPECT_DOUBLE_EQ(*measures.average_accuracy, (0.625 + 0.75 + 1) / 3);
  EXPECT_DOUBLE_EQ(*measures.forgetting, ((0.875 - 0.625) + (0.5 - 0.75)) / 2);
  EXPECT_DOUBLE_EQ(*measures.backward_transfer, ((0.625 - 0.75) + (0.75 - 0.5)) / 2);
}

TEST(ContinualTest, PeriodsAreMergedToTheLongestByTheirProbes) {
  std::vector<GenerationRecord> records = {Record(4, 64, {1, 0.5, 0.75, -1, 0.25}),
                                           Record(9, 128, {0.875, 0.75, 0.5})};
  records[0].periods[1].probe_count = 30;
  const std::vector<Judgement> judgements = JudgementsOf(records);
  ASSERT_EQ(judgements.size(), 2U);
  const std::vector<PeriodScore>& periods = judgements[0].periods;
  ASSERT_EQ(periods.size(), 3U);
  EXPECT_EQ(periods[0].first_ordinal, 0U);
  EXPECT_EQ(periods[0].last_ordinal, 128U);
  EXPECT_DOUBLE_EQ(periods[0].score, (10 * 1.0 + 30 * 0.5) / 40);
  EXPECT_EQ(periods[0].probe_count, 40U);
  EXPECT_DOUBLE_EQ(periods[1].score, 0.75);  // the other half has no probes
  EXPECT_EQ(periods[1].probe_count, 10U);
  EXPECT_EQ(periods[2].first_ordinal, 256U);
  EXPECT_DOUBLE_EQ(*Measure(judgements).forgetting, ((0.625 - 0.875) + 0 + (0.25 - 0.5)) / 3);
}

TEST(ContinualTest, RecordsComeInTheOrderOfTheirNumbersAndThoseWithoutPeriodsAreNone) {
  const std::vector<GenerationRecord> records = {Record(3, 64, {0.5}), Record(2, 64, {-1}),
                                                 Record(1, 64, {0.75}), Record(0, 64, {})};
  const std::vector<Judgement> judgements = JudgementsOf(records);
  ASSERT_EQ(judgements.size(), 2U);
  EXPECT_EQ(judgements[0].number, 1U);
  EXPECT_EQ(judgements[1].number, 3U);
  EXPECT_DOUBLE_EQ(*Measure(judgements).forgetting, 0.25);
}

TEST(ContinualTest, WhatCannotBeSaidYetIsAbsent) {
  EXPECT_FALSE(Measure({}).average_accuracy);
  const std::vector<GenerationRecord> records = {Record(1, 64, {0.75, 0.25})};
  const ContinualMeasures first = Measure(JudgementsOf(records));
  EXPECT_DOUBLE_EQ(*first.average_accuracy, 0.5);
  EXPECT_FALSE(first.forgetting);
  EXPECT_FALSE(first.backward_transfer);
}

TEST(ContinualTest, APeriodThatIsMissingInBetweenKeepsItsFirstAndBestScore) {
  const std::vector<GenerationRecord> records = {Record(1, 64, {0.5, 0.75}), Record(2, 64, {-1, 1}),
                                                 Record(3, 64, {0.625, 0.875})};
  const ContinualMeasures measures = Measure(JudgementsOf(records));
  EXPECT_DOUBLE_EQ(*measures.forgetting, ((0.5 - 0.625) + (1 - 0.875)) / 2);
  EXPECT_DOUBLE_EQ(*measures.backward_transfer, ((0.625 - 0.5) + (0.875 - 0.75)) / 2);
}

}  // namespace
}  // namespace mixmatch
