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
  ASSERT_EQ(plan.terms.size(), 6U + 3U * 2U);  // pairs, and three divisions in two
  std::vector<std::string> labels;
  for (const ContrastTerm& term : plan.terms) {
    const bool mixture = term.label == "mixture";
    ASSERT_EQ(term.rows.size(), mixture ? 3U : 8U);  // a third of the episodes is mixed
    ASSERT_EQ(term.columns.size(), 8U);
    labels.push_back(term.label);
    for (size_t r = 0; r < term.rows.size(); ++r) {
      EXPECT_EQ(term.columns[static_cast<size_t>(term.partner[r])].episode, term.rows[r].episode);
    }
  }
  EXPECT_EQ(labels,
            (std::vector<std::string>{"image -> pose", "image -> text", "pose -> image",
                                      "pose -> text", "text -> image", "text -> pose", "mixture",
                                      "mixture", "mixture", "mixture", "mixture", "mixture"}));
}

std::vector<ModalitySpec> ModalitiesOf(const BatchPlan& plan, int sequence) {
  std::vector<ModalitySpec> found;
  for (const int p : plan.sequences[static_cast<size_t>(sequence)]) {
    found.push_back(*plan.percepts[static_cast<size_t>(p)].modality);
  }
  return found;
}

TEST(BatchTest, EveryModalityIsToldFromTheMixtureOfTheOthersAndTheOtherWayRound) {
  const auto episodes = ThreeModalities(9, 9);
  const BatchPlan plan = PlanBatch(episodes, kPlain, 1);
  std::set<std::string> alone;
  for (size_t t = 6; t < plan.terms.size(); t += 2) {
    const bool first_is_whole = ModalitiesOf(plan, plan.terms[t].rows[0].sequence).size() == 2;
    const ContrastTerm& from_mixture = plan.terms[first_is_whole ? t : t + 1];
    const ContrastTerm& from_one = plan.terms[first_is_whole ? t + 1 : t];
    std::set<int> mixed;
    for (size_t r = 0; r < 3; ++r) {
      const auto row = ModalitiesOf(plan, from_mixture.rows[r].sequence);
      const auto one = ModalitiesOf(plan, from_one.rows[r].sequence);
      ASSERT_EQ(row.size(), 2U);
      ASSERT_EQ(one.size(), 1U);
      EXPECT_EQ(std::count(row.begin(), row.end(), one[0]), 0);
      EXPECT_EQ(from_mixture.rows[r].episode, from_one.rows[r].episode);
      alone.insert(one[0].name);
      mixed.insert(from_mixture.rows[r].episode);
    }
    EXPECT_EQ(mixed.size(), 3U);
    // The episodes that are not mixed show one percept of the part: somebody to be told from.
    for (const ContrastTerm::Item& column : from_one.columns) {
      const bool whole = mixed.contains(column.episode);
      EXPECT_EQ(ModalitiesOf(plan, column.sequence).size(), whole ? 2U : 1U);
    }
  }
  EXPECT_EQ(alone, (std::set<std::string>{"image", "pose", "text"}));
}

TEST(BatchTest, OfFourModalitiesEveryDivisionComesInTime) {
  const ModalitySpec force = Spec("force", PayloadKind::kVector, 2);
  auto episodes = ThreeModalities(6, 6);
  for (size_t e = 0; e < 6; ++e) episodes[e].percepts.push_back(At(force, VectorSample(e + 50, 2)));
  std::set<std::vector<bool>> divisions;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const BatchPlan plan = PlanBatch(episodes, kPlain, seed);
    for (size_t t = 12; t < plan.terms.size(); t += 2) {
      std::vector<bool> in_first;
      for (const ModalitySpec& modality : {kImage, kPose, kText, force}) {
        const bool there = Has(plan, plan.terms[t], 0, modality);
        EXPECT_NE(there, Has(plan, plan.terms[t + 1], 0, modality));
        in_first.push_back(there);
      }
      divisions.insert(in_first);
    }
  }
  EXPECT_EQ(divisions.size(), 14U);
}

TEST(BatchTest, WithTwoModalitiesThereIsNothingToMix) {
  auto episodes = ThreeModalities(6, 6);
  for (size_t e = 0; e < 6; ++e) episodes[e].percepts.pop_back();
  episodes[0] = ThreeModalities(1, 1)[0];  // one episode of three: it alone is mixed
  const BatchPlan plan = PlanBatch(episodes, kPlain, 1);
  for (const ContrastTerm& term : plan.terms) {
    if (term.label != "mixture") continue;
    ASSERT_EQ(term.rows.size(), 1U);
    EXPECT_EQ(term.rows[0].episode, 0);
  }
  episodes[0] = episodes[1];
  for (const ContrastTerm& term : PlanBatch(episodes, kPlain, 1).terms) {
    EXPECT_NE(term.label, "mixture");
  }
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
