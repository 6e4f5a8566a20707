// A graph out of episodes: names, facts and timelines.
#include <gtest/gtest.h>

#include "core/graph/graph.h"

namespace mixmatch {
namespace {

constexpr size_t kDimension = 4;

// Three concepts along three axes.
ConceptSet Axes() {
  ConceptSet::Parts parts{.dimension = kDimension, .next_id = 4};
  for (ConceptId id = 1; id <= 3; ++id) {
    Concept& made = parts.concepts.emplace_back();
    made.id = id;
    made.centre.assign(kDimension, 0);
    made.centre[id - 1] = 1;
    made.floor = 0.5;
  }
  parts.redirects[9] = 2;
  return ConceptSet(std::move(parts));
}

GraphPercept At(size_t axis, double time_s, std::vector<std::string> words = {}) {
  GraphPercept percept{
      .item = {}, .modality = 1, .time = absl::UnixEpoch() + absl::Seconds(time_s)};
  percept.vector.assign(kDimension, 0);
  percept.vector[axis] = 1;
  percept.words = std::move(words);
  return percept;
}

TEST(WordsTest, AreLowerCaseAndBounded) {
  EXPECT_EQ(WordsOf("The red Cup, 2nd!"), (std::vector<std::string>{"the", "red", "cup", "2nd"}));
  EXPECT_EQ(WordsOf("größe"), (std::vector<std::string>{"größe"}));
  EXPECT_TRUE(WordsOf(" ... ").empty());
  EXPECT_TRUE(WordsOf(std::string(40, 'a')).empty());
  std::string many;
  for (int i = 0; i < 100; ++i) many += "w ";
  EXPECT_EQ(WordsOf(many).size(), 16U);
}

TEST(GraphStateTest, NamesAreTheWordsThatTell) {
  Graph graph(Axes(), {});
  for (int i = 0; i < 30; ++i) {
    const auto axis = static_cast<size_t>(i % 3);
    const std::vector<std::string> own = {"the", axis == 0 ? "cup" : axis == 1 ? "dog" : "sea"};
    graph.Add({.scene = "home", .percepts = {At(axis, i * 100.0, own)}});
  }
  EXPECT_EQ(graph.Names(1, 3), (std::vector<std::string>{"cup"}));  // "the" tells nothing
  EXPECT_EQ(graph.Names(2, 3), (std::vector<std::string>{"dog"}));
  EXPECT_TRUE(graph.Names(77, 3).empty());
  EXPECT_EQ(graph.facts(1).members, 10U);
  EXPECT_EQ(graph.facts(1).episodes, 10U);
  EXPECT_EQ(graph.facts(1).by_modality.at(1), 10U);
  EXPECT_EQ(graph.facts(77).members, 0U);
  EXPECT_EQ(graph.episodes(), 30U);
}

TEST(GraphStateTest, WhatIsOfNoneIsCountedAsSuch) {
  Graph graph(Axes(), {});
  graph.Add({.scene = "", .percepts = {At(3, 0), At(0, 1)}});
  EXPECT_EQ(graph.unassigned(), 1U);
  EXPECT_EQ(graph.facts(1).members, 1U);
}

TEST(GraphStateTest, TimelineCountsEveryPerceptOnce) {
  Graph graph(Axes(), {});
  for (int i = 0; i < 100; ++i) graph.Add({.scene = "", .percepts = {At(0, i)}});
  const auto [first, last] = graph.Span(1);
  EXPECT_EQ(first, absl::UnixEpoch());
  EXPECT_EQ(last, absl::UnixEpoch() + absl::Seconds(99));
  const auto parts = graph.Timeline(1, first, absl::UnixEpoch() + absl::Seconds(100), 4);
  EXPECT_EQ(parts, (std::vector<uint64_t>{25, 25, 25, 25}));
  EXPECT_EQ(graph.Timeline(1, absl::UnixEpoch() + absl::Seconds(10),
                           absl::UnixEpoch() + absl::Seconds(20), 2),
            (std::vector<uint64_t>{5, 5}));
  EXPECT_EQ(graph.Timeline(2, first, last, 3), (std::vector<uint64_t>{0, 0, 0}));
}

}  // namespace
}  // namespace mixmatch
