// What is kept in memory of episodes answers as what is stored would, and needs none of it.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/episodes/binder.h"
#include "storage/database_impl.h"
#include "storage/episode_table.h"
#include "storage/keys.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::At;
using testing::MakePending;
using testing::OpenLog;
using testing::RawDatabase;
using testing::TempDir;
using testing::TextPercept;

// Closed episodes, each in the scene that `scene` gives it, of two events each; and a last one that
// is open.
class SettledEpisodesTest : public ::testing::Test {
 protected:
  template <typename SceneOf>
  void Make(int episodes, SceneOf scene) {
    const OpenLog open(path_);
    const auto append = [&](int begin, int end) {
      std::vector<PendingEvent> events;
      for (int i = begin; i < end; ++i) {
        for (int part = 0; part < 2; ++part) {
          events.push_back(MakePending("s", std::to_string(2 * i + part), 100 * i + 0.25 * part,
                                       {TextPercept("t")}));
          events.back().event.scene = scene(i);
        }
      }
      ASSERT_TRUE(open.log->Append(std::move(events), At(1000)).ok());
    };
    append(0, episodes);
    std::set<std::string> scenes;
    for (int i = 0; i < episodes; ++i) scenes.insert(scene(i));
    for (const std::string& name : scenes) {
      ASSERT_TRUE(open.log->AppendIdleCloses({name}, At(1000)).ok());
    }
    append(episodes, episodes + 1);
    const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
    Binder binder(*table->LoadBinder());
    while (table->next_seq() <= open.log->last_seq()) {
      std::vector<LogEntry> entries;
      ASSERT_TRUE(open.log->ScanEntries(table->next_seq(), 1000, entries).ok());
      BindingDelta delta;
      for (const LogEntry& entry : entries) binder.Add(entry, delta);
      ASSERT_TRUE(table->Apply(delta, binder.state(), entries.back().seq + 1).ok());
    }
    ASSERT_EQ(table->open_count(), 1U);
    ASSERT_EQ(table->closed_count(), static_cast<uint64_t>(episodes));
  }

  void Open() {
    open_ = std::make_unique<OpenLog>(path_);
    table_ = *EpisodeTable::Open(open_->database.get(), open_->log.get(), 16);
  }

  void Keep() {
    for (int round = 0; round < 1000; ++round) {
      const absl::StatusOr<bool> more = table_->KeepSettled();
      ASSERT_TRUE(more.ok()) << more.status();
      if (!*more) return;
    }
    FAIL() << "there is always more";
  }

  std::vector<EpisodeId> Ids() const {
    std::vector<EpisodeId> ids;
    for (Seq seq = 1; seq <= open_->log->last_seq(); ++seq) {
      const absl::StatusOr<EpisodeId> id = table_->EpisodeOf(seq);
      EXPECT_TRUE(id.ok()) << id.status();
      if (id.ok() && *id == seq) ids.push_back(*id);
    }
    return ids;
  }

  void ExpectHeadersAsStored() const {
    const std::vector<EpisodeId> ids = Ids();
    ASSERT_EQ(ids.size(), table_->episode_count());
    const std::vector<absl::StatusOr<Episode>> headers = table_->GetHeaders(ids);
    ASSERT_EQ(headers.size(), ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      const absl::StatusOr<Episode> stored = table_->Get(ids[i]);
      ASSERT_TRUE(stored.ok() && headers[i].ok()) << stored.status() << headers[i].status();
      EXPECT_EQ(headers[i]->id, ids[i]);
      EXPECT_EQ(headers[i]->scene, stored->scene);
      EXPECT_EQ(headers[i]->start, stored->start);
      EXPECT_EQ(headers[i]->end, stored->end);
      EXPECT_EQ(headers[i]->closed, stored->closed);
      EXPECT_EQ(headers[i]->late, stored->late);
      EXPECT_EQ(headers[i]->probe, stored->probe);
      EXPECT_TRUE(headers[i]->members.empty());
    }
  }

  void Delete(Family family, EpisodeId id) {
    const Database::Impl& database = open_->database->impl();
    ASSERT_TRUE(database.db().Delete({}, database.handle(family), keys::Number(id)).ok());
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("db");
  std::unique_ptr<OpenLog> open_;
  std::unique_ptr<EpisodeTable> table_;
};

TEST_F(SettledEpisodesTest, HeadersAreThoseStoredBeforeAndAfterTheyAreKept) {
  Make(40, [](int i) { return i % 3 == 0 ? "kitchen" : "a scene with a long name: the garden"; });
  Open();
  ExpectHeadersAsStored();
  Keep();
  ExpectHeadersAsStored();
}

TEST_F(SettledEpisodesTest, WhatIsKeptIsNotReadAgainAndWhatIsOpenIs) {
  Make(4, [](int) { return "s"; });
  Open();
  Keep();
  const std::vector<EpisodeId> ids = Ids();
  for (const EpisodeId id : ids) Delete(Family::kEpisodes, id);
  const std::vector<absl::StatusOr<Episode>> headers = table_->GetHeaders(ids);
  for (size_t i = 0; i + 1 < ids.size(); ++i) EXPECT_TRUE(headers[i].ok()) << headers[i].status();
  EXPECT_TRUE(absl::IsNotFound(headers.back().status())) << headers.back().status();
}

TEST_F(SettledEpisodesTest, MoreScenesThanAreKeptAreStillTold) {
  Make(4200, [](int i) { return "scene " + std::to_string(i); });
  Open();
  Keep();
  ExpectHeadersAsStored();
}

TEST_F(SettledEpisodesTest, ADamagedEpisodeIsDataLossAndNothingElse) {
  Make(3, [](int) { return "s"; });
  EpisodeId damaged = 0;
  {
    Open();
    damaged = Ids()[1];
    table_.reset();
    open_.reset();
  }
  RawDatabase(path_).Flip("episodes", keys::Number(damaged), -3);
  Open();
  Keep();
  const std::vector<EpisodeId> ids = Ids();
  ASSERT_EQ(ids.size(), 4U);
  const std::vector<absl::StatusOr<Episode>> headers = table_->GetHeaders(ids);
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(absl::IsDataLoss(headers[i].status()), ids[i] == damaged) << headers[i].status();
    EXPECT_EQ(headers[i].ok(), ids[i] != damaged) << headers[i].status();
  }
  // Which event is of which episode is known all the same.
  EXPECT_EQ(*table_->EpisodesOf(ids), ids);
}

TEST_F(SettledEpisodesTest, AnEpisodeWhoseFirstEventIsGoneIsStillThatOfTheOthers) {
  Make(3, [](int) { return "s"; });
  Open();
  const EpisodeId id = Ids()[1];
  Delete(Family::kEpisodeOf, id);
  Keep();
  EXPECT_EQ(table_->EpisodeOf(id + 1).value_or(0), id);
  const std::vector<EpisodeId> one = {id};
  const std::vector<absl::StatusOr<Episode>> headers = table_->GetHeaders(one);
  ASSERT_TRUE(headers[0].ok()) << headers[0].status();
  EXPECT_EQ(headers[0]->scene, "s");
}

}  // namespace
}  // namespace mixmatch
