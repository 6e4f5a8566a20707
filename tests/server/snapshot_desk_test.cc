// Work on copies: it ends when the daemon does, and when all copies are to go.
#include "server/snapshot_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <type_traits>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
using testing::AppendOne;
using testing::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakePending;
using testing::OpenLog;
using testing::TextPercept;
using testing::WaitUntil;

// A desk over a data directory with the snapshot "one" and the backup 1, without its database.
class SnapshotDeskTest : public ::testing::Test {
 protected:
  SnapshotDeskTest() {
    config_.data_dir = dir_.path("data");
    config_.backups.dir = dir_.path("backups");
    const OpenLog open(config_.data_dir + "/db");
    for (int i = 0; i < 5; ++i) {
      AppendOne(*open.log, MakePending("s", std::to_string(i), i, {TextPercept("word")}));
    }
    const SnapshotFacts facts{.create_time = At(10), .program_version = "1"};
    EXPECT_TRUE(
        Snapshots(config_.data_dir).Create(*open.database, "one", facts, nullptr).status().ok());
    EXPECT_TRUE(Backups(config_.backups.dir).Create(*open.database, facts, nullptr).status().ok());
  }

  // `purge_patience`: as in its parts.
  void OpenDesk(absl::Duration purge_patience = absl::Seconds(30)) {
    desk_ = std::make_unique<SnapshotDesk>(
        config_, SnapshotDesk::Parts{.damage = absl::DataLossError("no database"),
                                     .clock = &clock_,
                                     .restart = [] {},
                                     .purge_patience = purge_patience});
  }

  // Notes how work of that name ended.
  auto Note(const std::string& name) {
    return [this, name](const auto& result) {
      const absl::MutexLock lock(&mu_);
      if constexpr (std::is_same_v<std::decay_t<decltype(result)>, absl::Status>) {
        ended_[name] = result.code();
      } else {
        ended_[name] = result.status().code();
      }
    };
  }

  // How it ended; waits for that.
  absl::StatusCode Ended(const std::string& name) {
    const auto ended = [this, &name] {
      const absl::MutexLock lock(&mu_);
      return ended_.contains(name);
    };
    EXPECT_TRUE(WaitUntil(ended)) << name;
    const absl::MutexLock lock(&mu_);
    return ended_[name];
  }

  // Begins to check the snapshot; what it does next waits for `go_on`.
  void BeginWork(absl::Notification* go_on) {
    const auto begun = std::make_shared<absl::Notification>();
    EXPECT_TRUE(desk_
                    ->Verify(
                        "one",
                        [begun, go_on](uint64_t /*done*/, uint64_t /*total*/) {
                          if (!begun->HasBeenNotified()) begun->Notify();
                          go_on->WaitForNotification();
                          return true;
                        },
                        Note("begun"))
                    .ok());
    begun->WaitForNotification();
  }

  // How the work ends that is asked for now.
  absl::StatusCode TryWork(const std::string& name) {
    EXPECT_TRUE(desk_->Verify("one", nullptr, Note(name)).ok());
    return Ended(name);
  }

  const testing::TempDir dir_;
  Config config_;
  SystemClock clock_;
  absl::Mutex mu_;
  std::map<std::string, absl::StatusCode> ended_;
  std::unique_ptr<SnapshotDesk> desk_;
};

TEST_F(SnapshotDeskTest, WhatIsBeingDoneAndWhatIsQueuedEndWhenItStops) {
  OpenDesk();
  absl::Notification go_on;
  BeginWork(&go_on);
  EXPECT_TRUE(desk_->VerifyBackup(1, Note("verify backup")).ok());
  EXPECT_TRUE(desk_->FetchBackup(1, nullptr, Note("fetch backup")).ok());
  EXPECT_TRUE(desk_->Verify("one", nullptr, Note("verify")).ok());
  desk_->Stop();
  go_on.Notify();
  EXPECT_EQ(Ended("begun"), absl::StatusCode::kCancelled);
  for (const char* const queued : {"verify backup", "fetch backup", "verify"}) {
    EXPECT_EQ(Ended(queued), absl::StatusCode::kUnavailable) << queued;
  }
  EXPECT_FALSE(fs::exists(config_.data_dir + "/snapshots/backup-1"));
}

TEST_F(SnapshotDeskTest, APurgeEndsWhatIsBeingDoneAndKeepsTheRestOut) {
  OpenDesk();
  absl::Notification go_on;
  BeginWork(&go_on);
  std::thread releaser([&go_on] {
    absl::SleepFor(absl::Milliseconds(100));
    go_on.Notify();
  });
  const auto purged = desk_->Purge();
  releaser.join();
  ASSERT_TRUE(purged.ok()) << purged.status();
  EXPECT_EQ(Ended("begun"), absl::StatusCode::kCancelled);
  EXPECT_THAT(purged->snapshots, ElementsAre("one"));
  EXPECT_THAT(purged->backups, ElementsAre(1));
  const auto left = desk_->ListCopies();
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_THAT(left->snapshots, IsEmpty());
  EXPECT_THAT(left->backups, IsEmpty());
  EXPECT_EQ(TryWork("meanwhile"), absl::StatusCode::kUnavailable);
  desk_->Resume();
  EXPECT_EQ(TryWork("after"), absl::StatusCode::kNotFound);
}

TEST_F(SnapshotDeskTest, APurgeDoesNotWaitForEverAndThenLeavesEverything) {
  OpenDesk(absl::Milliseconds(50));
  absl::Notification go_on;
  BeginWork(&go_on);
  EXPECT_TRUE(absl::IsUnavailable(desk_->Purge().status()));
  go_on.Notify();
  EXPECT_EQ(Ended("begun"), absl::StatusCode::kOk) << "it goes on";
  EXPECT_EQ(TryWork("after"), absl::StatusCode::kOk);
  const auto left = desk_->ListCopies();
  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_THAT(left->snapshots, ElementsAre("one"));
  EXPECT_THAT(left->backups, ElementsAre(1));
}

TEST_F(SnapshotDeskTest, APurgeNamesWhatIsLeft) {
  OpenDesk();
  const std::string odd = config_.data_dir + "/snapshots/not a name";
  fs::create_directories(odd);
  const absl::Status purged = desk_->Purge().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(purged)) << purged;
  EXPECT_THAT(std::string(purged.message()), HasSubstr("'not a name'"));
  EXPECT_EQ(TryWork("after"), absl::StatusCode::kNotFound) << "it goes on, without what is deleted";
  fs::remove(odd);
  EXPECT_TRUE(desk_->Purge().status().ok());
}

}  // namespace
}  // namespace mixmatch
