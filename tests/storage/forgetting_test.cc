// What is asked for is forgotten whole: also behind a request that is not ended, in spaces that
// cannot be cleaned, and in what a learner could go back to.
#include "storage/forgetting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <initializer_list>

#include "space_testing.h"
#include "storage/database_impl.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"
#include "storage/generation_table.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::At;
using testing::Bind;
using testing::Fill;
using testing::ImagePercept;
using testing::kDimension;
using testing::MakePending;
using testing::Naive;
using testing::OpenLog;
using testing::OpenSpace;
using testing::RawDatabase;
using testing::TempDir;
using testing::TextPercept;
using ::testing::UnorderedElementsAre;

constexpr int kEvents = 6;
constexpr auto kSilent = [](std::string_view, uint64_t) {};

// Three episodes of two events each, all closed: of 1 and 2, of 3 and 4, of 5 and 6.
std::string MakeMemory(const TempDir& dir) {
  std::string path = dir.path("db");
  const OpenLog open(path);
  for (int i = 0; i < kEvents; ++i) {
    AppendOne(*open.log,
              MakePending("s", std::to_string(i + 1), 100 * (i / 2) + 0.1 * (i % 2),
                          {ImagePercept("png " + std::to_string(i + 1)), TextPercept("t")}));
  }
  EXPECT_TRUE(open.log->AppendIdleCloses({""}, At(2000)).ok());
  const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
  Bind(open, *table);
  EXPECT_EQ(table->closed_count(), 3u);
  return path;
}

EpisodeId EpisodeOf(Database& database, Seq seq) {
  storage::v1::EpisodeOfRecord record;
  EXPECT_TRUE(database.impl().Get(Family::kEpisodeOf, keys::Number(seq), record).ok()) << seq;
  return record.episode_id();
}

void Ask(Database& database, std::initializer_list<Seq> events, const ForgetOptions& options = {}) {
  const std::vector<Seq> asked(events);
  const absl::Status status = AskToForget(&database, asked, options, At(3000));
  ASSERT_TRUE(status.ok()) << status;
}

// What the next start does; the events that went.
uint64_t Forget(Database& database) {
  const auto forgotten = ForgetAsAsked(&database, kSilent);
  EXPECT_TRUE(forgotten.ok()) << forgotten.status();
  EXPECT_TRUE(forgotten.ok() && forgotten->has_value()) << "nothing was asked for";
  return forgotten.ok() && forgotten->has_value() ? (*forgotten)->events : 0;
}

bool HasPayload(Database& database, Seq seq) {
  storage::v1::PayloadRecord payload;
  return database.impl().Get(Family::kPayloads, keys::Number(seq), payload).ok();
}

TEST(ForgettingTest, ARequestBehindOneThatIsNotEndedIsDoneToo) {
  const TempDir dir;
  const auto database = *Database::Open(MakeMemory(dir), {});
  const EpisodeId first = EpisodeOf(*database, 1);
  const EpisodeId second = EpisodeOf(*database, 3);
  Ask(*database, {1});
  EXPECT_EQ(Forget(*database), 1u);
  EXPECT_THAT(*EpisodesToEmbed(database.get()), UnorderedElementsAre(first));
  // They were not embedded again: the request stays, and another one is added to it.
  Ask(*database, {3}, {.again_allowed = true});
  EXPECT_EQ(Forget(*database), 1u);
  EXPECT_FALSE(HasPayload(*database, 3));
  EXPECT_TRUE(HasPayload(*database, 4));
  EXPECT_THAT(*EpisodesToEmbed(database.get()), UnorderedElementsAre(first, second));
  ASSERT_TRUE(EndForgetting(database.get()).ok());
  EXPECT_FALSE(ForgetAsAsked(database.get(), kSilent)->has_value());
  // Each event as its own request wants it.
  const auto log = *EventLog::Open(database.get());
  const auto sent_again = [&log](const std::string& id) {
    return AppendOne(*log, MakePending("s", id, 1, {TextPercept("again")}), 4000).outcome;
  };
  EXPECT_EQ(sent_again("1"), AppendOutcome::kRejected);
  EXPECT_EQ(sent_again("3"), AppendOutcome::kStored);
}

TEST(ForgettingTest, WhatAnEarlierBuildLeftAsDoneIsDone) {
  const TempDir dir;
  const auto database = *Database::Open(MakeMemory(dir), {});
  storage::v1::ForgetRecord asked;
  asked.set_done(true);
  asked.add_seqs(3);
  asked.add_episodes(EpisodeOf(*database, 3));
  rocksdb::WriteBatch batch;
  database->impl().Put(Family::kMeta, keys::kForget, asked, batch);
  ASSERT_TRUE(database->impl().Write(batch, WriteMode::kSynced, "not stored").ok());
  EXPECT_EQ(Forget(*database), 1u);
  EXPECT_FALSE(HasPayload(*database, 3));
}

TEST(ForgettingTest, ASpaceThatCannotBeCleanedGoesWhole) {
  const std::string info(keys::kSpaceInfo);
  const std::string cursor(keys::kSpaceCursor);
  const std::vector<std::function<void(RawDatabase&)>> damages = {
      [&](RawDatabase& raw) { raw.Flip("space_3", info, -1); },
      [&](RawDatabase& raw) { raw.Delete("space_3", info); },  // its making was not finished
      [&](RawDatabase& raw) { raw.Flip("space_3", cursor, -1); },
      [](RawDatabase& raw) { raw.Flip("space_3", keys::SpaceBlock(2, 0), -1); },
      [](RawDatabase&) {},
  };
  for (size_t i = 0; i < damages.size(); ++i) {
    SCOPED_TRACE(i);
    const TempDir dir;
    const std::string path = MakeMemory(dir);
    {
      const OpenSpace open(path, {}, /*create=*/true);
      Naive naive;
      Fill(*open.space, naive, kEvents, 0, 1);
    }
    {
      RawDatabase raw(path);
      damages[i](raw);
    }
    const auto database = *Database::Open(path, {});
    Ask(*database, {3});
    EXPECT_EQ(Forget(*database), 1u);
    const auto spaces = MakeEmbeddingSpaces(database.get(), {});
    if (i + 1 < damages.size()) {
      EXPECT_EQ(database->impl().FindNamed("space_3"), nullptr);
      EXPECT_TRUE(spaces->Create(3, static_cast<int>(kDimension)).ok());
      continue;
    }
    const auto space = spaces->Open(3);  // was whole, and stays
    ASSERT_TRUE(space.ok()) << space.status();
    EXPECT_EQ((*space)->count(), 2u * (kEvents - 1));
  }
}

TEST(ForgettingTest, ANewLearnerHasNoOlderOneToGoBackTo) {
  for (const bool anew : {true, false}) {
    const TempDir dir;
    const std::string path = MakeMemory(dir);
    // Of the kept generation, of the serving one, and of one whose record was not written any more.
    const std::vector<std::string> learners = {"learner", "generation/2/learner",
                                               "generation/3/learner", "generation/4/learner"};
    {
      const auto database = *Database::Open(path, {});
      GenerationTable table(database.get());
      const std::vector<GenerationRecord> records = {
          {.number = 2, .state = GenerationState::kKept},
          {.number = 3, .state = GenerationState::kServing}};
      ASSERT_TRUE(table.PutRecords(records).ok());
      for (const std::string& name : learners) {
        ASSERT_TRUE(table.PutWeights(name, std::string(3 << 20, 'w')).ok());
      }
      ASSERT_TRUE(table.PutWeights("generation/3/encoder", "it serves").ok());
      Ask(*database, {3}, {.new_learner = anew});
      EXPECT_EQ(Forget(*database), 1u);
      for (const std::string& name : learners) {
        EXPECT_EQ(absl::IsNotFound(table.GetWeights(name).status()), anew) << name;
      }
      EXPECT_EQ(table.GetWeights("generation/3/encoder").value_or(""), "it serves");
    }
    RawDatabase raw(path);
    for (const std::string& name : learners) {
      EXPECT_EQ(raw.Keys("weights", keys::NamePrefix(name)).empty(), anew) << name;
    }
  }
}

}  // namespace
}  // namespace mixmatch
