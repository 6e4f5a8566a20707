// Small tables are merged, and hold what they held.
#include "storage/small_tables.h"

#include <gtest/gtest.h>
#include <rocksdb/metadata.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "storage/database_impl.h"
#include "storage/file_rewriting.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::FlipByteOf;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;

constexpr int kRounds = 12;
constexpr int kEach = 3;  // events of a round

class SmallTablesTest : public ::testing::Test {
 protected:
  // Tables of each round lie behind those of the one before: compaction moves them as they are.
  SmallTablesTest() {
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < kEach; ++i) {
        const int number = round * kEach + i;
        AppendOne(*open_.log, MakePending("cam", std::to_string(number), number,
                                          {ImagePercept(std::string(20'000, 'p'))}));
      }
      EXPECT_TRUE(FlushAll(db()).ok());
    }
    // A compaction that still runs takes tables away, and may have read what a test damages.
    for (int i = 0; i < 1000 && (TablesBelow() < 8 || Compacts()); ++i) {
      absl::SleepFor(absl::Milliseconds(20));
    }
  }

  const Database::Impl& db() { return open_.database->impl(); }

  // Of the log's, those that compaction has moved down.
  size_t TablesBelow() {
    rocksdb::ColumnFamilyMetaData tables;
    db().db().GetColumnFamilyMetaData(db().handle(Family::kLog), &tables);
    size_t below = 0;
    for (const auto& level : tables.levels) below += level.level > 0 ? level.files.size() : 0;
    return below;
  }

  bool Compacts() {
    uint64_t running = 0;
    uint64_t pending = 0;
    rocksdb::DB& rocks = db().db();
    return !rocks.GetAggregatedIntProperty(rocksdb::DB::Properties::kNumRunningCompactions,
                                           &running) ||
           !rocks.GetAggregatedIntProperty(rocksdb::DB::Properties::kCompactionPending, &pending) ||
           running + pending > 0;
  }

  void ExpectAllThere() {
    for (int i = 0; i < kRounds * kEach; ++i) {
      const auto seq = open_.log->Find("cam", std::to_string(i));
      ASSERT_TRUE(seq.ok()) << seq.status();
      const auto event = open_.log->Get(*seq, Detail::kFull);
      ASSERT_TRUE(event.ok()) << event.status();
      EXPECT_EQ(std::get<ImagePayload>(event->event.percepts[0].payload).data,
                std::string(20'000, 'p'));
    }
  }

  const TempDir dir_;
  OpenLog open_{dir_.path("db")};
  std::atomic<bool> stop_ = false;
};

TEST_F(SmallTablesTest, AreMergedAndHoldWhatTheyHeld) {
  const size_t before = TablesBelow();
  ASSERT_GE(before, 8U) << "compaction did not move them";
  const auto merged = MergeSmallTables(*open_.database, stop_);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_GE(*merged, before - 3);
  EXPECT_LE(TablesBelow(), 3U);
  ExpectAllThere();
  const auto again = MergeSmallTables(*open_.database, stop_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, 0U);
}

TEST_F(SmallTablesTest, AFamilyInWhichCompactionHasWorkIsLeftToIt) {
  rocksdb::DB& rocks = db().db();
  rocksdb::ColumnFamilyHandle* const log = db().handle(Family::kLog);
  ASSERT_TRUE(rocks.SetOptions(log, {{"disable_auto_compactions", "true"}}).ok());
  for (int i = 0; i < 4; ++i) {
    AppendOne(*open_.log,
              MakePending("cam", "late-" + std::to_string(i), 1000 + i, {ImagePercept("x")}));
    ASSERT_TRUE(FlushAll(db()).ok());
  }
  const size_t before = TablesBelow();
  ASSERT_GE(before, 8U) << "compaction did not move them";
  ASSERT_TRUE(MergeSmallTables(*open_.database, stop_).ok());
  EXPECT_EQ(TablesBelow(), before);
}

TEST_F(SmallTablesTest, NothingIsMergedOnceItIsToStop) {
  stop_ = true;
  const size_t before = TablesBelow();
  const auto merged = MergeSmallTables(*open_.database, stop_);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(*merged, 0U);
  EXPECT_EQ(TablesBelow(), before);
}

TEST_F(SmallTablesTest, ADamagedOneIsNamedAndWritingGoesOn) {
  // Which of them a merge meets is a matter of how far compaction had come.
  std::vector<std::string> damaged;
  rocksdb::ColumnFamilyMetaData tables;
  db().db().GetColumnFamilyMetaData(db().handle(Family::kLog), &tables);
  for (const auto& level : tables.levels) {
    for (const auto& table : level.files) {
      FlipByteOf(db().path() + table.name, 10);
      damaged.push_back(table.name.substr(1));  // without the slash
    }
  }
  const auto merged = MergeSmallTables(*open_.database, stop_);
  EXPECT_TRUE(absl::IsDataLoss(merged.status())) << merged.status();
  const std::string said(merged.status().message());
  EXPECT_TRUE(std::any_of(damaged.begin(), damaged.end(), [&said](const std::string& table) {
    return absl::StrContains(said, table);
  })) << said;
  EXPECT_TRUE(open_.database->health().ok()) << open_.database->health();
  EXPECT_EQ(AppendOne(*open_.log, MakePending("cam", "new", 100, {ImagePercept("x")})).outcome,
            AppendOutcome::kStored);
}

}  // namespace
}  // namespace mixmatch
