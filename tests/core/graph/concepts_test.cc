// Regions found without labels, and numbers that outlive a space.
#include "core/graph/concepts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/hash.h"
#include "tests/core/skills/examples.h"

namespace mixmatch {
namespace {

using testing::Normal;

constexpr size_t kDimension = 32;

void Unit(std::vector<float>& x) {
  float squares = 0;
  for (const float value : x) squares += value * value;
  for (float& value : x) value /= std::sqrt(squares);
}

// Points of `things` things in two modalities that lie apart, in the space of `space`.
std::vector<ConceptPoint> MakePoints(size_t count, int things, uint64_t space, double spread) {
  std::vector<ConceptPoint> points;
  for (uint64_t i = 0; i < count; ++i) {
    const auto thing = static_cast<uint64_t>(i % static_cast<uint64_t>(things));
    const auto modality = static_cast<ModalityId>(1 + (i / static_cast<uint64_t>(things)) % 2);
    ConceptPoint point{.item = ItemId::ForPercept(i + 1, 0), .modality = modality};
    for (uint64_t c = 0; c < kDimension; ++c) {
      point.vector.push_back(
          static_cast<float>(Normal(100 * space + 1, thing * kDimension + c) +
                             0.8 * Normal(100 * space + 2, modality * kDimension + c) +
                             spread * Normal(3, i * kDimension + c)));
    }
    Unit(point.vector);
    points.push_back(std::move(point));
  }
  return points;
}

// Share of pairs of points, of one thing or of two, that the concepts agree about.
double Agreement(const ConceptSet& set, const std::vector<ConceptPoint>& points, int things) {
  std::vector<ConceptId> of;
  for (const ConceptPoint& point : points) of.push_back(set.Assign(point.modality, point.vector));
  double right = 0;
  double pairs = 0;
  for (size_t a = 0; a < points.size(); a += 3) {
    for (size_t b = a + 1; b < points.size(); b += 5) {
      const bool same = a % static_cast<size_t>(things) == b % static_cast<size_t>(things);
      right += (of[a] == of[b]) == same;
      ++pairs;
    }
  }
  return right / pairs;
}

TEST(RegionsTest, KeepsTheBestOfSeveralStarts) {
  std::vector<float> x;
  for (const ConceptPoint& point : MakePoints(600, 30, 5, 0.5)) {
    x.insert(x.end(), point.vector.begin(), point.vector.end());
  }
  RegionSettings once{.seeds_max = 40, .restarts = 1};
  double best = 0;
  double worst = 1;
  for (once.seed = 1; once.seed <= 5; ++once.seed) {
    const double quality = FindRegions(x, kDimension, once).quality;
    best = std::max(best, quality);
    worst = std::min(worst, quality);
  }
  const RegionSettings often{.seeds_max = 40, .restarts = 5};
  EXPECT_EQ(FindRegions(x, kDimension, often).quality, best);
  EXPECT_LT(worst, best);  // it matters where one starts
}

TEST(RegionsTest, FindsHowManyThingsThereAre) {
  for (const int things : {2, 7, 25}) {
    const auto points = MakePoints(2000, things, 1, 0.4);
    const ConceptSet set = ConceptSet::Find(points, kDimension, nullptr, {});
    EXPECT_EQ(set.concepts().size(), static_cast<size_t>(things));
    EXPECT_GT(Agreement(set, points, things), 0.99);
  }
}

TEST(RegionsTest, ASearchThatIsCancelledEndsSoonAndIsStillWhole) {
  std::vector<float> x;
  for (const ConceptPoint& point : MakePoints(600, 7, 1, 0.4)) {
    x.insert(x.end(), point.vector.begin(), point.vector.end());
  }
  for (const int patience : {0, 1, 5, 30}) {  // before it begins, in k-means, while joining
    int asked = 0;
    const RegionSettings settings{.cancelled = [&] { return ++asked > patience; }};
    const Regions regions = FindRegions(x, kDimension, settings);
    EXPECT_EQ(regions.count(), 1U);
    EXPECT_EQ(regions.of.size(), 600U);
    EXPECT_LT(asked, patience + 6);
  }
}

TEST(RegionsTest, OneThingIsOneRegionAndNothingIsNone) {
  std::vector<float> x;
  for (uint64_t i = 0; i < 500; ++i) {
    std::vector<float> point;
    for (uint64_t c = 0; c < kDimension; ++c) {
      point.push_back(static_cast<float>(2 + Normal(4, i * kDimension + c)));
    }
    Unit(point);
    x.insert(x.end(), point.begin(), point.end());
  }
  EXPECT_EQ(FindRegions(x, kDimension, {}).count(), 1U);
  EXPECT_EQ(FindRegions({}, kDimension, {}).count(), 0U);
}

TEST(ConceptsTest, NumbersOutliveTheSpace) {
  const auto before = MakePoints(1500, 12, 1, 0.4);
  const ConceptSet first = ConceptSet::Find(before, kDimension, nullptr, {});
  const auto after = MakePoints(2500, 12, 2, 0.4);  // another space, and more of everything
  const ConceptSet second = ConceptSet::Find(after, kDimension, &first, {});
  int kept = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    kept += first.Assign(before[i].modality, before[i].vector) ==
            second.Assign(after[i].modality, after[i].vector);
  }
  EXPECT_GT(kept, 1480);
}

TEST(ConceptsTest, AMergedOneRedirectsAndANumberIsNeverUsedAgain) {
  const auto apart = MakePoints(1200, 6, 1, 0.4);
  const ConceptSet six = ConceptSet::Find(apart, kDimension, nullptr, {});
  ASSERT_EQ(six.concepts().size(), 6U);
  // The same items, of which three and three are one thing.
  auto merged = MakePoints(1200, 2, 3, 0.4);
  std::vector<ConceptPoint> rearranged;
  for (size_t i = 0; i < apart.size(); ++i) {
    // Item i was of thing i % 6; now it is of thing i % 2.
    rearranged.push_back(merged[i]);
    rearranged.back().item = apart[i].item;
  }
  const ConceptSet two = ConceptSet::Find(rearranged, kDimension, &six, {});
  ASSERT_EQ(two.concepts().size(), 2U);
  std::set<ConceptId> left;
  for (const Concept& known : two.concepts()) left.insert(known.id);
  for (const Concept& old : six.concepts()) {
    EXPECT_TRUE(left.contains(two.Resolve(old.id))) << old.id;
  }
  EXPECT_EQ(two.Resolve(777), 0U);
  const ConceptSet again = ConceptSet::Find(apart, kDimension, &two, {});
  for (const Concept& known : again.concepts()) {
    EXPECT_TRUE(left.contains(known.id) || known.id > 6) << known.id;
  }
}

TEST(ConceptsTest, WhatIsLikeNothingIsOfNone) {
  const auto points = MakePoints(1000, 5, 1, 0.3);
  const ConceptSet set = ConceptSet::Find(points, kDimension, nullptr, {});
  std::vector<float> strange(kDimension);
  int none = 0;
  for (uint64_t i = 0; i < 50; ++i) {
    for (uint64_t c = 0; c < kDimension; ++c) {
      strange[c] = static_cast<float>(Normal(77, i * kDimension + c));
    }
    Unit(strange);
    none += set.Assign(1, strange) == 0;
  }
  EXPECT_GT(none, 45);
}

}  // namespace
}  // namespace mixmatch
