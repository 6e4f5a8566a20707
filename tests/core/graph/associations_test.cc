// Planted sequences among things that have nothing to do with each other.
#include "core/graph/associations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/hash.h"
#include "core/graph/activation.h"

namespace mixmatch {
namespace {

double Uniform(uint64_t seed, uint64_t i) {
  return static_cast<double>(StableMix64(seed, i) >> 11) * 0x1p-53;
}

struct Happening {
  ConceptId concept_id = 0;
  double time_s = 0;
};

// Concepts 1 to 5 begin sequences: k is followed by 10 + k after 2 k seconds nine times in ten, and
// 10 + k by 20 + k after 3 s. 31 to 34 occur often and mean nothing.
std::vector<Happening> MakeStream(int sequences) {
  std::vector<Happening> stream;
  double time = 0;
  uint64_t draw = 0;
  for (int i = 0; i < sequences; ++i) {
    time += 12 + 20 * Uniform(1, draw++);
    const auto k = static_cast<ConceptId>(1 + StableMix64(2, static_cast<uint64_t>(i)) % 5);
    stream.push_back({k, time});
    if (Uniform(1, draw++) > 0.9) continue;
    const double delay = static_cast<double>(2 * k) * (0.95 + 0.1 * Uniform(1, draw++));
    stream.push_back({10 + k, time + delay});
    if (Uniform(1, draw++) > 0.9) continue;
    stream.push_back({20 + k, time + delay + 3 * (0.95 + 0.1 * Uniform(1, draw++))});
  }
  const double end = time;
  for (ConceptId noise = 31; noise <= 34; ++noise) {
    for (int i = 0; i < sequences; ++i) stream.push_back({noise, end * Uniform(1, draw++)});
  }
  std::stable_sort(stream.begin(), stream.end(),
                   [](const Happening& a, const Happening& b) { return a.time_s < b.time_s; });
  return stream;
}

Associations Learned(const std::vector<Happening>& stream) {
  Associations associations({.time_constant = absl::Seconds(5)});
  for (const Happening& happening : stream) {
    const Occurrence occurrence{happening.concept_id,
                                absl::UnixEpoch() + absl::Seconds(happening.time_s)};
    associations.Add("room", {&occurrence, 1});
  }
  return associations;
}

TEST(AssociationsTest, PlantedSequencesAreFoundAndNothingElse) {
  const Associations associations = Learned(MakeStream(2000));
  const auto found = associations.List(AssociationKind::kSuccession, 0, false);
  std::set<std::pair<ConceptId, ConceptId>> planted;
  for (ConceptId k = 1; k <= 5; ++k) {
    planted.insert({k, 10 + k});
    planted.insert({10 + k, 20 + k});
  }
  std::set<std::pair<ConceptId, ConceptId>> strongest;
  for (size_t i = 0; i < std::min<size_t>(10, found.size()); ++i) {
    strongest.insert({found[i].from, found[i].to});
  }
  EXPECT_EQ(strongest, planted);
  for (const Association& association : found) {
    EXPECT_TRUE(planted.contains({association.from, association.to}))
        << association.from << " to " << association.to << ", " << association.strength;
    if (association.from > 10) continue;
    const double delay = absl::ToDoubleSeconds(association.delay);
    EXPECT_NEAR(delay, 2.0 * static_cast<double>(association.from), 0.2 * delay);
    EXPECT_NEAR(association.probability, 0.9, 0.05);
  }
}

TEST(AssociationsTest, ASequenceOfTwoIsIndirectAndListedWhenAskedFor) {
  const Associations associations = Learned(MakeStream(2000));
  const auto all = associations.List(AssociationKind::kSuccession, 1, true);
  const auto whole =
      std::find_if(all.begin(), all.end(), [](const Association& a) { return a.to == 21; });
  ASSERT_NE(whole, all.end());
  EXPECT_TRUE(whole->indirect);
  EXPECT_NEAR(absl::ToDoubleSeconds(whole->delay), 5, 1);
}

TEST(AssociationsTest, CountsDoNotDependOnTheOrderOfArrival) {
  std::vector<Happening> stream = MakeStream(300);
  const auto expected = Learned(stream).List(AssociationKind::kSuccession, 0, true);
  // Locally disordered, far less than the window.
  std::vector<std::pair<double, size_t>> order;
  for (size_t i = 0; i < stream.size(); ++i) {
    order.emplace_back(stream[i].time_s + 6 * Uniform(9, i), i);
  }
  std::sort(order.begin(), order.end());
  std::vector<Happening> disordered;
  for (const auto& [key, i] : order) disordered.push_back(stream[i]);
  const auto found = Learned(disordered).List(AssociationKind::kSuccession, 0, true);
  ASSERT_EQ(found.size(), expected.size());
  for (const Association& association : expected) {
    const auto same = std::find_if(found.begin(), found.end(), [&](const Association& a) {
      return a.from == association.from && a.to == association.to;
    });
    ASSERT_NE(same, found.end());
    EXPECT_EQ(same->count, association.count);
    EXPECT_NEAR(same->strength, association.strength, 0.05 * association.strength);
    EXPECT_EQ(same->delay, association.delay);
  }
}

TEST(AssociationsTest, TogetherIsNotAfterAndChanceIsNothing) {
  Associations associations({.time_constant = absl::Seconds(5)});
  for (int i = 0; i < 1000; ++i) {
    const absl::Time time = absl::UnixEpoch() + absl::Seconds(60 * i);
    std::vector<Occurrence> episode;
    const auto thing = static_cast<ConceptId>(1 + i % 4);
    const absl::Duration jitter = absl::Seconds(0.3 * Uniform(3, static_cast<uint64_t>(i)) - 0.15);
    episode.push_back({thing, time});
    episode.push_back({thing + 10, time + jitter});  // always with it
    if (Uniform(4, static_cast<uint64_t>(i)) < 0.5) episode.push_back({99, time});  // with anything
    associations.Add("room", episode);
  }
  EXPECT_TRUE(associations.List(AssociationKind::kSuccession, 0, true).empty());
  const auto together = associations.List(AssociationKind::kCoOccurrence, 0, false);
  ASSERT_EQ(together.size(), 8U);
  for (const Association& association : together) {
    EXPECT_EQ(std::max(association.from, association.to),
              std::min(association.from, association.to) + 10);
    EXPECT_NEAR(association.probability, 1, 1e-9);
    EXPECT_NEAR(association.chance, 0.25, 1e-9);
  }
}

TEST(AssociationsTest, PlacesBringTogetherWhatIsSeenThere) {
  Associations associations({.time_constant = absl::Seconds(5)});
  for (int i = 0; i < 600; ++i) {
    const bool kitchen = i % 2 == 0;
    const auto which = static_cast<ConceptId>(StableMix64(5, static_cast<uint64_t>(i)) % 2);
    const Occurrence occurrence{(kitchen ? 1 : 3) + which,
                                absl::UnixEpoch() + absl::Seconds(100 * i)};
    associations.Add(kitchen ? "kitchen" : "garage", {&occurrence, 1});
  }
  const auto places = associations.List(AssociationKind::kPlace, 1, false);
  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places[0].to, 2U);
  EXPECT_TRUE(associations.List(AssociationKind::kSuccession, 0, true).empty());
}

TEST(AssociationsTest, WhatIsNotSeenAnyMoreFadesWhenReadAndComesBack) {
  const absl::Duration half_life = absl::Hours(10);
  Associations associations({.time_constant = absl::Seconds(5), .half_life = half_life});
  const auto add = [&associations](ConceptId first, absl::Time time) {
    const Occurrence together[] = {{first, time}, {first + 1, time}};
    associations.Add("room", together);
    const Occurrence after{first + 2, time + absl::Seconds(3)};
    associations.Add("room", {&after, 1});
  };
  absl::Time time = absl::UnixEpoch();
  for (int i = 0; i < 150; ++i) {  // more of the first, which then comes no more
    time += absl::Minutes(1);
    add(i % 3 < 2 ? 1 : 11, time);
  }
  for (const AssociationKind kind :
       {AssociationKind::kSuccession, AssociationKind::kCoOccurrence}) {
    const auto found = associations.List(kind, 0, true);
    ASSERT_FALSE(found.empty());
    for (const Association& one : found) EXPECT_GT(one.recency, 0.99);
  }
  const absl::Time stopped = time - absl::Minutes(1);  // the second was the last one
  EXPECT_EQ(associations.List(AssociationKind::kSuccession, 0, true)[0].from, 1U);
  // Two half-lives on, in which the second goes on now and then.
  const auto before = associations.List(AssociationKind::kSuccession, 1, true);
  for (int i = 0; i < 20; ++i) {
    time += absl::Hours(1);
    add(11, time);
  }
  const auto faded = associations.List(AssociationKind::kSuccession, 1, true);
  ASSERT_EQ(faded.size(), before.size());
  for (const Association& one : faded) {
    EXPECT_EQ(one.last, stopped + absl::Seconds(3));
    EXPECT_NEAR(one.recency, std::exp2(-absl::FDivDuration(time - stopped, half_life)), 1e-6);
    EXPECT_EQ(one.count, before[0].count);
  }
  EXPECT_EQ(associations.List(AssociationKind::kSuccession, 0, true)[0].from, 11U);
  const auto weights = LinksOf(faded);
  ASSERT_EQ(weights.size(), faded.size());
  EXPECT_LT(weights[0].weight, 0.3);
  add(1, time + absl::Minutes(1));
  EXPECT_GT(associations.List(AssociationKind::kSuccession, 1, true)[0].recency, 0.999);
}

}  // namespace
}  // namespace mixmatch
