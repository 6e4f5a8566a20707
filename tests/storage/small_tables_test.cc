// Small tables are merged, and hold what they held.
#include "storage/small_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/metadata.h>

#include <atomic>
#include <string>

#include "absl/time/clock.h"
#include "storage/database_impl.h"
#include "storage/file_rewriting.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::DamageTable;
using ::testing::HasSubstr;
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
    for (int i = 0; i < 500 && TablesBelow() < 8; ++i) absl::SleepFor(absl::Milliseconds(20));
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

TEST_F(SmallTablesTest, NothingIsMergedOnceItIsToStop) {
  stop_ = true;
  const size_t before = TablesBelow();
  const auto merged = MergeSmallTables(*open_.database, stop_);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(*merged, 0U);
  EXPECT_EQ(TablesBelow(), before);
}

TEST_F(SmallTablesTest, ADamagedOneIsNamedAndWritingGoesOn) {
  const std::string table = DamageTable(*open_.database, Family::kLog).filename().string();
  const auto merged = MergeSmallTables(*open_.database, stop_);
  EXPECT_TRUE(absl::IsDataLoss(merged.status())) << merged.status();
  EXPECT_THAT(std::string(merged.status().message()), HasSubstr(table));
  EXPECT_TRUE(open_.database->health().ok()) << open_.database->health();
  EXPECT_EQ(AppendOne(*open_.log, MakePending("cam", "new", 100, {ImagePercept("x")})).outcome,
            AppendOutcome::kStored);
}

}  // namespace
}  // namespace mixmatch
