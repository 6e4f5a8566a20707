// Which probes are judged, what they are asked, and what a rank is.
#include "core/generations/probe_ranks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

TrainingPercept Percept(const char* name, uint64_t sample) {
  return {.modality = testing::Spec(name, PayloadKind::kVector, 3),
          .features = testing::VectorSample(sample, 3),
          .time = absl::FromUnixSeconds(0)};
}

// Episodes of a left and a right hand; every third has a voice too.
std::vector<TrainingEpisode> Episodes(size_t count) {
  std::vector<TrainingEpisode> episodes;
  for (size_t i = 0; i < count; ++i) {
    episodes.push_back(
        {.id = i + 1, .percepts = {Percept("left", 3 * i), Percept("right", 3 * i + 1)}});
    if (i % 3 == 0) episodes.back().percepts.push_back(Percept("voice", 3 * i + 2));
  }
  return episodes;
}

TEST(PlanProbesTest, AsksEveryPairAmongOtherProbesOfOtherContent) {
  const std::vector<TrainingEpisode> episodes = Episodes(30);
  const ProbePlan plan = PlanProbes(episodes, 12);
  EXPECT_EQ(std::set<std::string>(plan.pairs.begin(), plan.pairs.end()).size(), 6U);
  EXPECT_EQ(plan.questions.size(), 30U * 2 + 10U * 4);
  for (const ProbeQuestion& question : plan.questions) {
    const bool voice = plan.pairs[question.pair].ends_with("voice");
    EXPECT_EQ(question.others.size(), voice ? 9U : 12U);
    const std::set<size_t> distinct(question.others.begin(), question.others.end());
    EXPECT_EQ(distinct.size(), question.others.size());
    for (const size_t other : question.others) {
      EXPECT_EQ(plan.items[other].modality->name, plan.items[question.partner].modality->name);
      EXPECT_NE(plan.items[other].features->content,
                plan.items[question.partner].features->content);
    }
  }
}

TEST(PlanProbesTest, TheSameContentIsNoRival) {
  std::vector<TrainingEpisode> episodes = Episodes(9);
  for (size_t i = 1; i < 9; ++i) episodes[i].percepts[1] = Percept("right", i < 5 ? 1 : 1000 + i);
  const ProbePlan plan = PlanProbes(episodes, 100);
  for (const ProbeQuestion& question : plan.questions) {
    if (plan.pairs[question.pair] != "left -> right" || question.probe >= 5) continue;
    EXPECT_EQ(question.others.size(), 4U);  // five of nine hold the same
  }
}

TEST(PlanProbesTest, AnEpisodeOfOneModalityAsksForItsNeighbourOrAView) {
  std::vector<TrainingEpisode> episodes;
  for (size_t i = 0; i < 6; ++i)
    episodes.push_back({.id = i + 1, .percepts = {Percept("left", i)}});
  episodes[2].percepts.push_back(Percept("left", 77));
  const ProbePlan plan = PlanProbes(episodes, 100);
  EXPECT_EQ(plan.pairs, std::vector<std::string>{"left -> left"});
  EXPECT_EQ(plan.questions.size(), 6U);
  EXPECT_EQ(plan.views.size(), 5U);
}

TEST(RankPartnersTest, WhatIsEqualToItsPartnerIsNearest) {
  std::vector<TrainingEpisode> episodes = Episodes(12);
  for (TrainingEpisode& episode : episodes) episode.percepts.resize(1);
  for (size_t i = 0; i < 12; ++i) episodes[i].percepts.push_back(episodes[i].percepts[0]);
  const ProbePlan plan = PlanProbes(episodes, 100);
  const auto encoder = *Encoder::Create(*ModelConfigOf("nano", 1));
  const auto ranks = RankPartners(plan, *encoder);
  ASSERT_TRUE(ranks.ok()) << ranks.status();
  ASSERT_EQ(ranks->ranks.size(), 12U);
  for (const float rank : ranks->ranks) EXPECT_EQ(rank, 1.0F);
  ASSERT_EQ(ranks->distances.size(), 12U);
  for (const float distance : ranks->distances) EXPECT_NEAR(distance, 0, 1e-5);
}

TEST(RankPartnersTest, AnUntrainedEncoderRanksByChanceAcrossModalities) {
  const std::vector<TrainingEpisode> episodes = Episodes(120);
  const auto encoder = *Encoder::Create(*ModelConfigOf("nano", 1));
  const auto ranks = RankPartners(PlanProbes(episodes, 100), *encoder);
  ASSERT_TRUE(ranks.ok()) << ranks.status();
  double mean = 0;
  for (const float rank : ranks->ranks) mean += rank / static_cast<double>(ranks->ranks.size());
  EXPECT_NEAR(mean, 0.5, 0.1);
}

TEST(MeanDistancesTest, GivesTheMeanOfEveryPairOfDifferentModalities) {
  std::vector<TrainingEpisode> episodes = Episodes(9);  // three with a voice
  episodes.push_back({.id = 10, .percepts = {Percept("left", 100), Percept("left", 101)}});
  const ProbePlan plan = PlanProbes(episodes, 100);
  std::vector<float> distances;
  for (const ProbeQuestion& question : plan.questions) {
    const std::string& pair = plan.pairs[question.pair];
    const auto probe = static_cast<float>(question.probe);
    distances.push_back(pair == "left -> right" ? probe : pair == "right -> left" ? 0.5F : 9.0F);
  }
  const std::vector<PartnerDistance> means = MeanDistances(plan, distances);
  ASSERT_EQ(means.size(), 4U);  // voices are too few to be asked for; left and left is no pair
  EXPECT_EQ(means[0], (PartnerDistance{"left", "right", 4, 9}));
  EXPECT_EQ(means[1], (PartnerDistance{"right", "left", 0.5, 9}));
  EXPECT_EQ(means[2], (PartnerDistance{"voice", "left", 9, 3}));
  EXPECT_EQ(means[3], (PartnerDistance{"voice", "right", 9, 3}));
  EXPECT_TRUE(MeanDistances(ProbePlan(), {}).empty());
}

TEST(ChooseProbesTest, HearsEveryPeriodAndRareModalities) {
  std::vector<Probe> held_out;
  for (uint64_t i = 0; i < 1600; ++i) {
    held_out.push_back({.ordinal = i, .id = i + 1, .modalities = i % 100 == 7 ? 7U : 3U});
  }
  const std::vector<Probe> chosen = ChooseProbes(held_out, 160);
  ASSERT_EQ(chosen.size(), 160U);
  std::vector<int> periods(16);
  int rare = 0;
  for (const Probe& probe : chosen) {
    ++periods[probe.ordinal / 100];
    rare += probe.modalities == 7 ? 1 : 0;
  }
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end(),
                             [](const Probe& a, const Probe& b) { return a.ordinal < b.ordinal; }));
  for (const int count : periods) EXPECT_EQ(count, 10);
  EXPECT_EQ(rare, 16);
  EXPECT_EQ(ChooseProbes(held_out, 5000).size(), 1600U);
}

}  // namespace
}  // namespace mixmatch
