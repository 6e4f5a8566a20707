// Skills, teachings and concepts come back as they were stored; what is damaged is named.
#include <gtest/gtest.h>

#include "storage/graph_table.h"
#include "storage/skill_table.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

SkillSpec Spec(uint64_t id, const std::string& name) {
  return {.id = id,
          .name = name,
          .kind = SkillKind::kLabels,
          .modalities = {"image", "pose"},
          .map = FeatureMapKind::kRandom,
          .create_time = absl::FromUnixSeconds(1700000000)};
}

Teaching Event(ExampleId example, const std::string& label) {
  return {.example = example, .lesson = {.labels = {label}, .number = 1.5}};
}

Teaching Fresh() {
  FreshPercept fresh;
  fresh.percept.modality = "pose";
  fresh.percept.payload = VectorPayload{{1, 2, 3}};
  fresh.features.kind = PayloadKind::kVector;
  fresh.features.content = {.high = 7, .low = 9};
  fresh.features.shape = {3};
  fresh.features.SetValues<float>(std::vector<float>{1, 2, 3});
  Teaching teaching{.lesson = {.labels = {"a"}}, .fresh = {fresh}};
  teaching.example = FreshExampleId(teaching.fresh);
  return teaching;
}

class KnowledgeTablesTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    database_.reset();
    auto opened = Database::Open(directory_.path("db"), {});
    ASSERT_TRUE(opened.ok()) << opened.status();
    database_ = *std::move(opened);
  }

  const testing::TempDir directory_;
  std::unique_ptr<Database> database_;
};

TEST_F(KnowledgeTablesTest, SkillsAndTeachingsComeBack) {
  SkillTable table(database_.get());
  ASSERT_TRUE(table.Create(Spec(1, "one")).ok());
  ASSERT_TRUE(table.Create(Spec(2, "two")).ok());
  const Teaching fresh = Fresh();
  const std::vector<Teaching> teachings = {Event(5, "x"), Event(900, "y"), fresh};
  ASSERT_TRUE(table.Put(1, teachings).ok());
  ASSERT_TRUE(table.Put(2, std::vector<Teaching>{Event(5, "other")}).ok());
  Open();
  SkillTable again(database_.get());
  const auto specs = again.List();
  ASSERT_TRUE(specs.ok()) << specs.status();
  ASSERT_EQ(specs->size(), 2U);
  EXPECT_EQ((*specs)[0].name, "one");
  EXPECT_EQ((*specs)[0].kind, SkillKind::kLabels);
  EXPECT_EQ((*specs)[0].map, FeatureMapKind::kRandom);
  EXPECT_EQ((*specs)[0].modalities, Spec(1, "").modalities);
  EXPECT_EQ((*specs)[0].create_time, Spec(1, "").create_time);
  std::vector<Teaching> read;
  ASSERT_TRUE(again.Scan(1, 0, 2, read).ok());
  ASSERT_EQ(read.size(), 2U);
  ASSERT_TRUE(again.Scan(1, read.back().example + 1, 10, read).ok());
  ASSERT_EQ(read.size(), 3U);
  EXPECT_EQ(read[0].example, 5U);
  EXPECT_EQ(read[0].lesson, teachings[0].lesson);
  EXPECT_TRUE(read[0].fresh.empty());
  EXPECT_EQ(read[2].example, fresh.example);
  ASSERT_EQ(read[2].fresh.size(), 1U);
  EXPECT_EQ(read[2].fresh[0].features.bytes, fresh.fresh[0].features.bytes);
  EXPECT_EQ(SpecOf(read[2].fresh[0].percept), SpecOf(fresh.fresh[0].percept));
}

TEST_F(KnowledgeTablesTest, WhatIsRemovedIsGoneAndNothingElse) {
  SkillTable table(database_.get());
  ASSERT_TRUE(table.Create(Spec(1, "one")).ok());
  ASSERT_TRUE(table.Create(Spec(2, "two")).ok());
  for (const uint64_t skill : {1, 2}) {
    ASSERT_TRUE(
        table.Put(skill, std::vector<Teaching>{Event(1, "a"), Event(2, "b"), Fresh()}).ok());
  }
  const std::vector<ExampleId> gone = {1, 77};
  ASSERT_TRUE(table.Remove(1, gone).ok());
  EXPECT_TRUE(absl::IsNotFound(table.Get(1, 1).status()));
  EXPECT_TRUE(table.Get(1, 2).ok());
  EXPECT_TRUE(table.Get(2, 1).ok());
  ASSERT_TRUE(table.Delete(1).ok());
  std::vector<Teaching> read;
  ASSERT_TRUE(table.Scan(1, 0, 10, read).ok());
  EXPECT_TRUE(read.empty());
  ASSERT_TRUE(table.Scan(2, 0, 10, read).ok());
  EXPECT_EQ(read.size(), 3U);
  ASSERT_EQ(table.List()->size(), 1U);
  EXPECT_EQ((*table.List())[0].id, 2U);
}

TEST_F(KnowledgeTablesTest, ConceptsComeBackAndOldOnesGo) {
  GraphTable table(database_.get());
  EXPECT_TRUE(absl::IsNotFound(table.Latest().status()));
  ConceptSet::Parts parts{.dimension = 2, .next_id = 8};
  Concept& made = parts.concepts.emplace_back();
  made.id = 3;
  made.centre = {0.6F, 0.8F};
  made.floor = 0.25;
  made.members = {ItemId::ForPercept(4, 1), ItemId::ForPercept(9, 0)};
  parts.redirects[1] = 3;
  parts.means[2] = {0.1F, -0.1F};
  for (const Generation generation : {1, 4, 6}) {
    ASSERT_TRUE(table
                    .Put(generation, {.set = ConceptSet(parts), .found_among = 10 * generation},
                         generation > 2 ? generation - 2 : 0)
                    .ok());
  }
  Open();
  GraphTable again(database_.get());
  EXPECT_TRUE(absl::IsNotFound(again.Get(1).status()));
  EXPECT_TRUE(again.Get(4).ok());
  const auto latest = again.Latest();
  ASSERT_TRUE(latest.ok()) << latest.status();
  EXPECT_EQ(latest->found_among, 60U);
  const ConceptSet::Parts& read = latest->set.parts();
  EXPECT_EQ(read.next_id, 8U);
  ASSERT_EQ(read.concepts.size(), 1U);
  EXPECT_EQ(read.concepts[0].id, 3U);
  EXPECT_EQ(read.concepts[0].centre, made.centre);
  EXPECT_EQ(read.concepts[0].floor, 0.25);
  EXPECT_EQ(read.concepts[0].members, made.members);
  EXPECT_EQ(read.redirects, parts.redirects);
  EXPECT_EQ(read.means, parts.means);
}

}  // namespace
}  // namespace mixmatch
