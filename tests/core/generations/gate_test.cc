// The gate: the decision on ranks, and judging with real encoders over probes alone.
#include "core/generations/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/learning/random.h"
#include "memory_stores.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr size_t kProbes = 200;

// Questions of two pairs over 200 probes, one in ten episodes; ranks around 0.9.
class DecideTest : public ::testing::Test {
 protected:
  void SetUp() override {
    plan_.pairs = {"audio -> image", "image -> audio"};
    for (size_t p = 0; p < kProbes; ++p) {
      probes_.push_back({.ordinal = 10 * p, .id = 10 * p + 1});
      for (size_t pair = 0; pair < 2; ++pair) plan_.questions.push_back({.probe = p, .pair = pair});
    }
  }

  // Ranks with noise of their own: what two learners that know the same would get.
  std::vector<float> Ranks(uint64_t seed, float noise = 0.1F) const {
    Random shared(99);
    Random own(seed);
    std::vector<float> ranks;
    for (size_t q = 0; q < plan_.questions.size(); ++q) {
      ranks.push_back(std::min(1.0F, 0.85F + shared.Around(0.1F) + own.Around(noise)));
    }
    return ranks;
  }

  Verdict DecideOn(const std::vector<float>& candidate, const std::vector<float>& serving) const {
    return Decide({}, plan_, probes_, candidate, serving, /*serving_taken=*/1000);
  }

  ProbePlan plan_;
  std::vector<Probe> probes_;
};

TEST_F(DecideTest, TheSameRanksArePublishedWithEveryFigure) {
  const std::vector<float> ranks = Ranks(1);
  const Verdict verdict = DecideOn(ranks, ranks);
  EXPECT_TRUE(verdict.publish);
  EXPECT_EQ(verdict.gain, 0);
  ASSERT_THAT(verdict.scores, SizeIs(5));  // the mean, two pairs old, two pairs recent
  EXPECT_EQ(verdict.scores[0].measure, "mean over pairs");
  EXPECT_EQ(verdict.scores[0].probe_count, kProbes);
  EXPECT_EQ(verdict.scores[1].measure, "audio -> image, old");
  EXPECT_EQ(verdict.scores[1].probe_count, 100U);
  EXPECT_EQ(verdict.scores[1].tolerance, 0.005);
  EXPECT_EQ(verdict.scores[2].measure, "audio -> image, recent");
}

TEST_F(DecideTest, AnEqualCandidateIsSeldomRefused) {
  int refused = 0;
  for (uint64_t trial = 0; trial < 400; ++trial) {
    refused += DecideOn(Ranks(1000 + trial), Ranks(5000 + trial)).publish ? 0 : 1;
  }
  EXPECT_LE(refused, 40);  // one in ten; by its rule about one in fourteen
  EXPECT_GE(refused, 4);   // a gate that never refuses an equal one refuses little else
}

TEST_F(DecideTest, AFewQuestionsAboutARareModalityDoNotDecide) {
  std::vector<float> candidate = Ranks(1);
  std::vector<float> serving = candidate;
  for (float& rank : candidate) rank += 0.01F;
  for (const char* pair : {"text -> image", "image -> text"}) {  // 3 probes have a word
    plan_.pairs.emplace_back(pair);
    for (size_t p = 0; p < 3; ++p) {
      plan_.questions.push_back({.probe = 50 * p, .pair = plan_.pairs.size() - 1});
      candidate.push_back(0.7F);
      serving.push_back(0.9F + 0.01F * static_cast<float>(p));
    }
  }
  const Verdict verdict = DecideOn(candidate, serving);
  EXPECT_TRUE(verdict.publish) << verdict.reason;
  EXPECT_NEAR(verdict.gain, 0.01, 1e-4);
  // Where these are all that there is, they are what is gone by.
  plan_.questions.erase(plan_.questions.begin(), plan_.questions.end() - 6);
  candidate.erase(candidate.begin(), candidate.end() - 6);
  serving.erase(serving.begin(), serving.end() - 6);
  EXPECT_FALSE(DecideOn(candidate, serving).publish);
}

TEST_F(DecideTest, AWorseCellIsRefusedThoughTheMeanIsHigher) {
  std::vector<float> candidate = Ranks(1);
  const std::vector<float> serving = candidate;
  for (size_t q = 0; q < candidate.size(); ++q) {
    const bool old_audio = plan_.questions[q].pair == 0 && plan_.questions[q].probe < 100;
    candidate[q] += old_audio ? -0.03F : 0.05F;
  }
  const Verdict verdict = DecideOn(candidate, serving);
  EXPECT_FALSE(verdict.publish);
  EXPECT_GT(verdict.gain, 0.02);
  EXPECT_THAT(verdict.reason, HasSubstr("audio -> image, old"));
  EXPECT_THAT(verdict.reason, HasSubstr("refused"));
}

TEST_F(DecideTest, WhatTheToleranceAllowsPasses) {
  const std::vector<float> serving = Ranks(1);
  std::vector<float> candidate = serving;
  for (size_t q = 0; q < candidate.size(); ++q) {
    candidate[q] += plan_.questions[q].pair == 0 ? -0.004F : 0.004F;
  }
  EXPECT_TRUE(DecideOn(candidate, serving).publish);
}

TEST_F(DecideTest, ASmallLossEverywhereIsRefusedByTheMean) {
  const std::vector<float> serving = Ranks(1);
  std::vector<float> candidate = serving;
  for (float& rank : candidate) rank -= 0.004F;  // within every cell's tolerance
  const Verdict verdict = DecideOn(candidate, serving);
  EXPECT_FALSE(verdict.publish);
  EXPECT_THAT(verdict.reason, HasSubstr("mean over pairs"));
}

TEST_F(DecideTest, PeriodsDoubleUntilSixteenHoldTheStream) {
  const std::vector<float> ranks = Ranks(1);
  const Verdict verdict = DecideOn(ranks, ranks);  // ordinals up to 1990
  ASSERT_THAT(verdict.periods, SizeIs(16));
  EXPECT_EQ(verdict.periods[1].first_ordinal, 128U);
  EXPECT_EQ(verdict.periods[1].last_ordinal, 256U);
  uint64_t probes = 0;
  for (const PeriodScore& period : verdict.periods) {
    probes += period.probe_count;
    EXPECT_GT(period.score, 0.7);
    EXPECT_LE(period.score, 1.0);
  }
  EXPECT_EQ(probes, kProbes);
}

TEST_F(DecideTest, WithoutQuestionsItPasses) {
  const Verdict verdict = Decide({}, ProbePlan(), {}, {}, {}, 0);
  EXPECT_TRUE(verdict.publish);
  EXPECT_THAT(verdict.scores, SizeIs(0));
  EXPECT_THAT(verdict.reason, HasSubstr("none of 0 probes"));
}

TEST(RefusalsTest, CountsTheNewestInARow) {
  const auto record = [](GenerationState state) { return GenerationRecord{.state = state}; };
  const std::vector<GenerationRecord> records = {
      record(GenerationState::kRefused), record(GenerationState::kRefused),
      record(GenerationState::kServing), record(GenerationState::kRefused)};
  EXPECT_EQ(RefusalsInARow(records), 2U);
  EXPECT_EQ(RefusalsInARow({}), 0U);
}

TEST(JudgeTest, JudgesTheGivenProbesWithBothEncoders) {
  MemoryLog log;
  for (int i = 0; i < 80; ++i) log.AddEvent();
  std::vector<Probe> probes;
  for (Seq seq = 1; seq <= 80; seq += 2) {
    log.CloseEpisode(seq, seq + 1);
    if (seq % 4 == 1) probes.push_back({.ordinal = seq / 2, .id = seq});
  }
  const auto candidate = *Encoder::Create(*ModelConfigOf("nano", 1));
  const auto serving = *Encoder::Create(*ModelConfigOf("nano", 2));
  const auto verdict = Judge({}, log, probes, *candidate, *serving, 0);
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  ASSERT_THAT(verdict->scores, SizeIs(2));
  EXPECT_EQ(verdict->scores[1].measure, "pose -> pose, recent");
  EXPECT_EQ(verdict->scores[1].probe_count, 20U);
  EXPECT_NE(verdict->scores[1].candidate, verdict->scores[1].serving);
  const auto same = Judge({}, log, probes, *candidate, *candidate, 0);
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_TRUE(same->publish);
  EXPECT_EQ(same->gain, 0);
}

TEST(JudgeTest, TellsHowFarTheCandidatePutsPartners) {
  MemoryLog log;
  std::vector<Probe> probes;
  for (Seq seq = 1; seq <= 80; seq += 2) {
    log.AddEvent();
    log.AddEvent();
    log.percepts.back().modality.name = "voice";
    log.CloseEpisode(seq, seq + 1);
    probes.push_back({.ordinal = seq / 2, .id = seq});
  }
  const auto candidate = *Encoder::Create(*ModelConfigOf("nano", 1));
  const auto serving = *Encoder::Create(*ModelConfigOf("nano", 2));
  const auto verdict = Judge({}, log, probes, *candidate, *serving, 0);
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  ASSERT_THAT(verdict->partner_distances, SizeIs(2));
  EXPECT_EQ(verdict->partner_distances[0].from, "pose");
  EXPECT_EQ(verdict->partner_distances[0].to, "voice");
  EXPECT_EQ(verdict->partner_distances[0].probe_count, 40U);
  EXPECT_GT(verdict->partner_distances[0].mean, 0);
  EXPECT_LT(verdict->partner_distances[0].mean, 2);
  const auto reversed = Judge({}, log, probes, *serving, *candidate, 0);
  ASSERT_TRUE(reversed.ok()) << reversed.status();
  EXPECT_NE(reversed->partner_distances[0].mean, verdict->partner_distances[0].mean);
}

}  // namespace
}  // namespace mixmatch
