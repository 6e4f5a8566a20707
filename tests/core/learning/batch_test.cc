// What a step is planned to contrast: pairs, mixtures, views, and who is neutral to whom.
#include "core/learning/batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

using testing::ImageSample;
using testing::Spec;
using testing::TextSample;
using testing::VectorSample;

const ModalitySpec kImage = Spec("image", PayloadKind::kImage);
const ModalitySpec kText = Spec("text", PayloadKind::kText);
const ModalitySpec kPose = Spec("pose", PayloadKind::kVector, 3);
constexpr BatchOptions kPlain{.augment = false};

TrainingPercept At(const ModalitySpec& modality, Features features, int second = 0) {
  return {
      .modality = modality, .features = std::move(features), .time = absl::FromUnixSeconds(second)};
}

std::vector<TrainingEpisode> ThreeModalities(uint64_t count, uint64_t words) {
  std::vector<TrainingEpisode> episodes;
  for (uint64_t i = 0; i < count; ++i) {
    episodes.push_back({.id = i,
                        .percepts = {At(kImage, ImageSample(i)), At(kPose, VectorSample(i, 3)),
                                     At(kText, TextSample(i % words))}});
  }
  return episodes;
}

bool Has(const BatchPlan& plan, const ContrastTerm& term, size_t row,
         const ModalitySpec& modality) {
  const auto& sequence = plan.sequences[static_cast<size_t>(term.rows[row].sequence)];
  return std::any_of(sequence.begin(), sequence.end(), [&](int p) {
    return *plan.percepts[static_cast<size_t>(p)].modality == modality;
  });
}

TEST(BatchTest, IdenticalPerceptsAreEmbeddedOnceAndMakeTheirEpisodesNeutral) {
  const auto episodes = ThreeModalities(12, 4);
  const BatchPlan plan = PlanBatch(episodes, kPlain, 1);
  EXPECT_EQ(plan.percepts.size(), 12U + 12U + 4U);
  for (int a = 0; a < 12; ++a) {
    for (int b = 0; b < 12; ++b) EXPECT_EQ(plan.neutral(a, b), a % 4 == b % 4);
  }
}

TEST(BatchTest, EveryPairOfModalitiesIsContrastedInBothDirections) {
  const auto episodes = ThreeModalities(8, 8);
  const BatchPlan plan = PlanBatch(episodes, kPlain, 1);
  ASSERT_EQ(plan.terms.size(), 6U + 2U);  // pairs, and one division in two
  std::vector<std::string> labels;
  for (const ContrastTerm& term : plan.terms) {
    ASSERT_EQ(term.rows.size(), 8U);
    ASSERT_EQ(term.columns.size(), 8U);
    labels.push_back(term.label);
    for (size_t r = 0; r < 8; ++r) {
      EXPECT_EQ(term.columns[static_cast<size_t>(term.partner[r])].episode, term.rows[r].episode);
    }
  }
  EXPECT_EQ(labels, (std::vector<std::string>{"image -> pose", "image -> text", "pose -> image",
                                              "pose -> text", "text -> image", "text -> pose",
                                              "mixture", "mixture"}));
}

TEST(BatchTest, MixturesAndTheirComplementsShareNoModalityAndEveryDivisionComes) {
  const auto episodes = ThreeModalities(4, 4);
  std::set<std::vector<bool>> divisions;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const BatchPlan plan = PlanBatch(episodes, kPlain, seed);
    const ContrastTerm& there = plan.terms[plan.terms.size() - 2];
    const ContrastTerm& back = plan.terms[plan.terms.size() - 1];
    std::vector<bool> in_first;
    for (const ModalitySpec& modality : {kImage, kPose, kText}) {
      EXPECT_NE(Has(plan, there, 0, modality), Has(plan, back, 0, modality));
      in_first.push_back(Has(plan, there, 0, modality));
    }
    divisions.insert(in_first);
  }
  EXPECT_EQ(divisions.size(), 6U);
}

TEST(BatchTest, RareModalitiesAreToldFromAllThatHaveTheOther) {
  auto episodes = ThreeModalities(10, 10);
  for (size_t e = 2; e < 10; ++e) episodes[e].percepts.pop_back();  // two have text
  const BatchPlan plan = PlanBatch(episodes, kPlain, 1);
  bool seen = false;
  for (const ContrastTerm& term : plan.terms) {
    if (term.rows.size() != 2 || !Has(plan, term, 0, kText)) continue;
    seen = true;
    EXPECT_EQ(term.columns.size(), 10U);
  }
  EXPECT_TRUE(seen);
}

TEST(BatchTest, OfEachModalityThePerceptNearestInTimeIsTaken) {
  std::vector<TrainingEpisode> episodes(2);
  for (int t = 0; t < 8; ++t) {
    episodes[0].percepts.push_back(At(kPose, VectorSample(static_cast<uint64_t>(t), 3), t * 10));
    episodes[0].percepts.push_back(At(kText, TextSample(static_cast<uint64_t>(t)), t * 10 + 1));
  }
  episodes[1] = ThreeModalities(9, 9)[8];
  std::set<const Features*> poses;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const BatchPlan plan = PlanBatch(episodes, kPlain, seed);
    const Features* pose = plan.percepts[0].features;
    const Features* text = plan.percepts[1].features;
    const auto& all = episodes[0].percepts;
    const auto place = [&](const Features* f) {
      return std::find_if(all.begin(), all.end(), [&](const auto& p) { return &p.features == f; }) -
             all.begin();
    };
    EXPECT_EQ(place(pose) / 2, place(text) / 2);
    poses.insert(pose);
  }
  EXPECT_GE(poses.size(), 6U);
}

TEST(BatchTest, AStreamOfOneModalityIsContrastedThroughViewsAndNeighbours) {
  std::vector<TrainingEpisode> episodes;
  for (uint64_t e = 0; e < 6; ++e) {
    episodes.push_back({.id = e, .percepts = {At(kPose, VectorSample(e, 3), 0)}});
  }
  const Features neighbour = VectorSample(100, 3);
  episodes[0].percepts.push_back(At(kPose, neighbour, 1));
  const BatchPlan plan = PlanBatch(episodes, {.augment = true}, 1);
  ASSERT_EQ(plan.terms.size(), 2U);
  EXPECT_EQ(CountPositives(plan.terms, plan.neutral), 12U);
  for (size_t r = 0; r < 6; ++r) {
    EXPECT_NE(plan.terms[0].rows[r].sequence, plan.terms[0].columns[r].sequence);
  }
  bool beside = false;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const BatchPlan plain = PlanBatch(episodes, kPlain, seed);
    std::set<std::string> first;
    for (const auto& item : {plain.terms[0].rows[0], plain.terms[0].columns[0]}) {
      first.insert(plain.percepts[static_cast<size_t>(item.sequence)].features->bytes);
    }
    beside = beside || first.size() == 2;
  }
  EXPECT_TRUE(beside);
}

TEST(BatchTest, ThePlanFollowsFromTheSeed) {
  const auto episodes = ThreeModalities(8, 3);
  const auto bytes = [&](uint64_t seed) {
    std::string all;
    const BatchPlan plan = PlanBatch(episodes, {}, seed);
    for (const MixturePercept& percept : plan.percepts) all += percept.features->bytes;
    return all;
  };
  EXPECT_EQ(bytes(4), bytes(4));
  EXPECT_NE(bytes(4), bytes(5));
}

TEST(BatchTest, EmptyEpisodesAndNoEpisodesAreNothingToLearnFrom) {
  EXPECT_TRUE(PlanBatch({}, {}, 1).terms.empty());
  const std::vector<TrainingEpisode> empty(3);
  EXPECT_TRUE(PlanBatch(empty, {}, 1).terms.empty());
}

}  // namespace
}  // namespace mixmatch
