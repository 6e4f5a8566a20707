// Backups: each adds what the ones before lack; checked, deleted, brought back.
#include "storage/backups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "storage/database_impl.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
using testing::AppendOne;
using testing::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;

class BackupsTest : public ::testing::Test {
 protected:
  void Append(OpenLog& open, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      AppendOne(*open.log,
                MakePending("cam", "e" + std::to_string(i), i,
                            {ImagePercept(std::string(20'000, static_cast<char>('a' + i % 20)))}));
    }
  }

  // Into tables and blobs, which backups share.
  static rocksdb::Status Flush(OpenLog& open) {
    rocksdb::Status status;
    for (const Family family : {Family::kLog, Family::kPayloads}) {
      Database::Impl& impl = open.database->impl();
      if (status.ok()) status = impl.db().Flush(rocksdb::FlushOptions(), impl.handle(family));
    }
    return status;
  }

  absl::StatusOr<Backup> Make(OpenLog& open, double at,
                              const Backups::Progress& progress = nullptr) {
    return backups_.Create(*open.database,
                           {.create_time = At(at),
                            .last_seq = open.log->last_seq(),
                            .event_count = open.log->event_count(),
                            .generation = 3,
                            .program_version = "1"},
                           progress);
  }

  uint64_t DirBytes() const {
    uint64_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(dir_.path("backups"))) {
      if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
  }

  std::vector<uint32_t> Ids(std::vector<uint32_t>* damaged = nullptr) const {
    std::vector<uint32_t> ids;
    const auto listed = backups_.List(damaged);
    EXPECT_TRUE(listed.ok()) << listed.status();
    for (const Backup& backup : *listed) ids.push_back(backup.id);
    return ids;
  }

  // The largest file that backups share.
  std::string SharedFile() const {
    std::string largest;
    for (const auto& entry : fs::directory_iterator(dir_.path("backups/shared_checksum"))) {
      const std::string path = entry.path().string();
      if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = path;
    }
    return largest;
  }

  const TempDir dir_;
  const Backups backups_{dir_.path("backups")};
  const Snapshots snapshots_{dir_.path("")};
};

TEST_F(BackupsTest, EachAddsWhatIsNewAndHoldsEverything) {
  OpenLog open(dir_.path("db"));
  Append(open, 0, 200);
  ASSERT_TRUE(Flush(open).ok());
  const auto first = Make(open, 100);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->id, 1U);
  EXPECT_EQ(first->facts.event_count, 200U);
  EXPECT_EQ(first->facts.create_time, At(100));
  EXPECT_GT(first->bytes, 4'000'000U);
  const uint64_t before = DirBytes();
  Append(open, 200, 205);
  const auto second = Make(open, 200);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_GT(second->bytes, first->bytes);
  EXPECT_LT(DirBytes() - before, 1'000'000U) << "what is shared is stored once";
  EXPECT_THAT(Ids(), ElementsAre(2, 1));
  EXPECT_TRUE(backups_.Verify(1, nullptr).ok());
  EXPECT_TRUE(backups_.Verify(2, nullptr).ok());

  ASSERT_TRUE(backups_.Delete(1).ok());
  EXPECT_TRUE(backups_.Verify(2, nullptr).ok());
  const auto fetched = backups_.Fetch(2, snapshots_, "backup-2", nullptr);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(fetched->event_count, 205U);
  EXPECT_TRUE(snapshots_.Verify("backup-2", nullptr).ok());
  const OpenLog copy(dir_.path("snapshots/backup-2/db"));
  EXPECT_EQ(copy.log->event_count(), 205U);
  EXPECT_TRUE(absl::IsAlreadyExists(backups_.Fetch(2, snapshots_, "backup-2", nullptr).status()));
}

TEST_F(BackupsTest, OldOnesGoAndNewOnesStay) {
  OpenLog open(dir_.path("db"));
  for (int i = 0; i < 4; ++i) {
    Append(open, i, i + 1);
    ASSERT_TRUE(Make(open, i).ok());
  }
  ASSERT_TRUE(backups_.DeleteOld(2).ok());
  EXPECT_THAT(Ids(), ElementsAre(4, 3));
}

TEST_F(BackupsTest, DamageIsNoticedAndNotBroughtBack) {
  OpenLog open(dir_.path("db"));
  Append(open, 0, 50);
  ASSERT_TRUE(Flush(open).ok());
  ASSERT_TRUE(Make(open, 1).ok());
  const std::string path = SharedFile();
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(fs::file_size(path) / 2));
    file.put('#').put('#');
  }
  const absl::Status verified = backups_.Verify(1, nullptr);
  EXPECT_TRUE(absl::IsDataLoss(verified)) << verified;
  EXPECT_THAT(std::string(verified.message()), HasSubstr(fs::path(path).filename().string()));
  EXPECT_FALSE(backups_.Fetch(1, snapshots_, "backup-1", nullptr).ok());
  EXPECT_TRUE(snapshots_.List()->empty());

  fs::remove(path);
  std::vector<uint32_t> damaged;
  EXPECT_TRUE(Ids(&damaged).empty());
  EXPECT_THAT(damaged, ElementsAre(1));
}

TEST_F(BackupsTest, ACancelledOneLeavesNothing) {
  OpenLog open(dir_.path("db"));
  Append(open, 0, 1000);
  const auto made = Make(open, 1, [](uint64_t) { return false; });
  EXPECT_TRUE(absl::IsCancelled(made.status())) << made.status();
  EXPECT_TRUE(Ids().empty());
  EXPECT_TRUE(Make(open, 2).ok());
}

TEST_F(BackupsTest, ReadingOneEndsInTheMiddleWhenItIsCancelled) {
  OpenLog open(dir_.path("db"));
  Append(open, 0, 400);
  ASSERT_TRUE(Flush(open).ok());
  ASSERT_TRUE(Make(open, 1).ok());
  uint64_t whole = 0;
  const auto to_the_end = [&whole](uint64_t read) {
    whole = read;
    return true;
  };
  ASSERT_TRUE(backups_.Verify(1, to_the_end).ok());
  EXPECT_GT(whole, 1'000'000U);
  uint64_t seen = 0;
  const absl::Status verified = backups_.Verify(1, [&seen](uint64_t read) {
    seen = read;
    return read == 0;
  });
  EXPECT_TRUE(absl::IsCancelled(verified)) << verified;
  EXPECT_LT(seen, whole);

  int asked = 0;
  uint64_t total = 9;
  const auto fetched = backups_.Fetch(1, snapshots_, "back", [&](uint64_t /*done*/, uint64_t all) {
    total = all;
    return ++asked < 5;
  });
  EXPECT_TRUE(absl::IsCancelled(fetched.status())) << fetched.status();
  EXPECT_EQ(total, 0U) << "while RocksDB brought the files back";
  EXPECT_TRUE(fs::is_empty(dir_.path("snapshots"))) << "nothing is left of it";
  EXPECT_TRUE(backups_.Fetch(1, snapshots_, "back", nullptr).ok());
}

TEST_F(BackupsTest, DeletingWaitsForOthersAsLongAsItIsToldTo) {
  OpenLog open(dir_.path("db"));
  Append(open, 0, 5);
  ASSERT_TRUE(Make(open, 1).ok());
  absl::Notification reading;
  absl::Notification go_on;
  std::thread reader([&] {
    EXPECT_TRUE(backups_
                    .Verify(1,
                            [&](uint64_t /*read*/) {
                              if (!reading.HasBeenNotified()) reading.Notify();
                              go_on.WaitForNotification();
                              return true;
                            })
                    .ok());
  });
  reading.WaitForNotification();
  EXPECT_TRUE(absl::IsUnavailable(backups_.List().status()));
  EXPECT_TRUE(absl::IsUnavailable(backups_.Delete(1)));
  EXPECT_TRUE(absl::IsUnavailable(backups_.Delete(1, absl::Milliseconds(20))));
  std::thread releaser([&go_on] {
    absl::SleepFor(absl::Milliseconds(100));
    go_on.Notify();
  });
  EXPECT_TRUE(backups_.Delete(1, absl::Seconds(30)).ok());
  reader.join();
  releaser.join();
  EXPECT_TRUE(Ids().empty());
}

TEST_F(BackupsTest, WhatIsWrongIsNamed) {
  EXPECT_TRUE(absl::IsFailedPrecondition(Backups("").List().status()));
  EXPECT_TRUE(absl::IsNotFound(backups_.Verify(7, nullptr)));
  EXPECT_TRUE(absl::IsNotFound(backups_.Delete(7)));
  EXPECT_TRUE(absl::IsNotFound(backups_.Fetch(7, snapshots_, "x", nullptr).status()));
  std::ofstream(dir_.path("file")) << "x";
  EXPECT_TRUE(absl::IsFailedPrecondition(Backups(dir_.path("file/sub")).List().status()));
}

}  // namespace
}  // namespace mixmatch
