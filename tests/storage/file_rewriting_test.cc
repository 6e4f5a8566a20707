// Files are written anew, and one that is damaged ends neither that nor anything else.
#include "storage/file_rewriting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>

#include "storage_testing.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
using testing::AppendOne;
using testing::CompactDamaged;
using testing::DamageTable;
using ::testing::HasSubstr;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;

class FileRewritingTest : public ::testing::Test {
 protected:
  FileRewritingTest() {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(Store(i), AppendOutcome::kStored);
    EXPECT_TRUE(FlushAll(db()).ok());
  }

  // Stores the i-th event: a picture that lies in a blob file.
  AppendOutcome Store(int i) {
    return AppendOne(*open_.log, MakePending("cam", std::to_string(i), i,
                                             {ImagePercept(std::string(20'000, 'p'))}))
        .outcome;
  }

  const Database::Impl& db() { return open_.database->impl(); }

  absl::Status Rewrite(Family family) {
    return RewriteFamily(db(), db().handle(family), nullptr, nullptr, nullptr);
  }

  // What damage of one file must leave as it was.
  void ExpectTheRestGoesOn() {
    EXPECT_TRUE(open_.database->health().ok()) << open_.database->health();
    EXPECT_TRUE(Rewrite(Family::kLog).ok());
    EXPECT_EQ(Store(100), AppendOutcome::kStored);
    EXPECT_TRUE(FlushAll(db()).ok());
  }

  const TempDir dir_;
  OpenLog open_{dir_.path("db")};
};

TEST_F(FileRewritingTest, ADamagedTableIsNamedAndEverythingElseIsWritten) {
  const std::string table = DamageTable(*open_.database, Family::kByTime).filename().string();
  const absl::Status rewritten = Rewrite(Family::kByTime);
  EXPECT_TRUE(absl::IsDataLoss(rewritten)) << rewritten;
  EXPECT_THAT(std::string(rewritten.message()), HasSubstr("by_time"));
  EXPECT_THAT(std::string(rewritten.message()), HasSubstr(table));
  ExpectTheRestGoesOn();
}

TEST_F(FileRewritingTest, ADamagedBlobFileIsNamedAndEverythingElseIsWritten) {
  fs::path blob;
  for (const auto& entry : fs::directory_iterator(dir_.path("db"))) {
    if (entry.path().extension() == ".blob") blob = entry.path();
  }
  ASSERT_FALSE(blob.empty());
  testing::FlipByteOf(blob, static_cast<std::streamoff>(fs::file_size(blob) / 2));
  const absl::Status rewritten = Rewrite(Family::kPayloads);
  EXPECT_TRUE(absl::IsDataLoss(rewritten)) << rewritten;
  EXPECT_THAT(std::string(rewritten.message()), HasSubstr(blob.filename().string()));
  ExpectTheRestGoesOn();
}

TEST_F(FileRewritingTest, WhatACompactionOfRocksDbMeetsIsToldBeforeAnythingIsWritten) {
  const std::string table = DamageTable(*open_.database, Family::kByTime).filename().string();
  EXPECT_TRUE(open_.database->health().ok());
  CompactDamaged(*open_.database, Family::kByTime);
  const absl::Status health = open_.database->health();
  EXPECT_TRUE(absl::IsDataLoss(health)) << health;
  EXPECT_THAT(std::string(health.message()), HasSubstr(table));
  EXPECT_TRUE(absl::IsDataLoss(open_.database->PutSetting("a", "b")));
  EXPECT_TRUE(open_.log->Get(1, Detail::kFull).ok()) << "reading goes on";

  open_.log.reset();
  open_.database.reset();
  open_.database = *Database::Open(dir_.path("db"), {});
  EXPECT_TRUE(open_.database->health().ok());
  EXPECT_TRUE(open_.database->PutSetting("a", "b").ok());
}

TEST_F(FileRewritingTest, AStopIsNoDamage) {
  std::atomic<bool> stop = true;
  EXPECT_TRUE(
      absl::IsCancelled(RewriteFamily(db(), db().handle(Family::kLog), nullptr, nullptr, &stop)));
  ExpectTheRestGoesOn();
}

}  // namespace
}  // namespace mixmatch
