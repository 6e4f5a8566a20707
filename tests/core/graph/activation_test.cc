// What comes to mind, and by which way.
#include "core/graph/activation.h"

#include <gtest/gtest.h>

namespace mixmatch {
namespace {

constexpr AssociationKind kThen = AssociationKind::kSuccession;

const std::vector<Link> kLinks = {{1, 2, kThen, 0.9},
                                  {2, 3, kThen, 0.9},
                                  {1, 4, kThen, 0.1},
                                  {4, 3, kThen, 0.1},
                                  {5, 1, kThen, 0.5}};

TEST(SpreadTest, NearAndStrongIsMoreActive) {
  const auto activated = Spread(kLinks, {{1, 1.0}});
  ASSERT_EQ(activated.size(), 4U);  // nothing leads to 5
  EXPECT_EQ(activated[0].concept_id, 1U);
  EXPECT_EQ(activated[1].concept_id, 2U);
  EXPECT_EQ(activated[2].concept_id, 3U);
  EXPECT_EQ(activated[3].concept_id, 4U);
  double sum = 0;
  for (const Activated& one : activated) sum += one.activation;
  EXPECT_NEAR(sum, 1, 1e-6);
  EXPECT_EQ(activated[2].path, (std::vector<ConceptId>{1, 2, 3}));
}

TEST(SpreadTest, IsTheStationaryDistribution) {
  // Two concepts that lead to each other, one seed: a = r + (1 - r) b, b = (1 - r) a.
  const std::vector<Link> links = {{1, 2, kThen, 0.3}, {2, 1, kThen, 0.7}};
  const auto activated = Spread(links, {{1, 2.0}}, 0.2);
  ASSERT_EQ(activated.size(), 2U);
  EXPECT_NEAR(activated[0].activation, 1 / 1.8, 1e-6);
  EXPECT_NEAR(activated[1].activation, 0.8 / 1.8, 1e-6);
}

TEST(SpreadTest, NothingActiveIsNothing) {
  EXPECT_TRUE(Spread(kLinks, {}).empty());
  const auto alone = Spread(kLinks, {{9, 1.0}});
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_NEAR(alone[0].activation, 1, 1e-9);
}

TEST(StrongestPathTest, TakesTheStrongestWayOrNone) {
  EXPECT_EQ(StrongestPath(kLinks, 5, 3), (std::vector<ConceptId>{5, 1, 2, 3}));
  EXPECT_TRUE(StrongestPath(kLinks, 3, 5).empty());
  EXPECT_EQ(StrongestPath(kLinks, 1, 1), (std::vector<ConceptId>{1}));
}

TEST(LinksTest, WeighByWhatIsMoreThanChance) {
  const std::vector<Association> associations = {
      {.from = 1, .to = 2, .probability = 0.9, .chance = 0.5},
      {.from = 1, .to = 3, .probability = 0.5, .chance = 0.5}};
  const auto links = LinksOf(associations);
  ASSERT_EQ(links.size(), 1U);
  EXPECT_NEAR(links[0].weight, 0.8, 1e-9);
}

}  // namespace
}  // namespace mixmatch
