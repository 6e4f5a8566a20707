// Snapshots: made while the log grows, checked, put back; and a restore that ends anywhere.
#include "storage/snapshots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "storage_testing.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
using testing::AppendOne;
using testing::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImagePercept;
using ::testing::IsEmpty;
using testing::MakePending;
using testing::OpenLog;
using ::testing::SizeIs;
using testing::TempDir;
using testing::TextPercept;

constexpr int kStored = 40;

class SnapshotsTest : public ::testing::Test {
 protected:
  void Append(OpenLog& open, int begin, int end) {
    for (int i = begin; i < end; ++i) {
      AppendOne(*open.log,
                MakePending("cam", "e" + std::to_string(i), i,
                            {ImagePercept(std::string(20'000, static_cast<char>('a' + i % 20))),
                             TextPercept("word " + std::to_string(i))}));
    }
  }

  // A memory of 40 events with the snapshot "early" at 30.
  void Prepare() {
    OpenLog open(dir_.path("db"));
    Append(open, 0, 30);
    const auto made = Make(open, "early", 100);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->event_count, 30U);
    EXPECT_GT(made->bytes, 100'000U);
    Append(open, 30, kStored);
  }

  absl::StatusOr<Snapshot> Make(OpenLog& open, const std::string& name, double at,
                                const SnapshotProgress& progress = nullptr) {
    return snapshots_.Create(*open.database, name,
                             {.create_time = At(at),
                              .last_seq = open.log->last_seq(),
                              .event_count = open.log->event_count(),
                              .generation = 3,
                              .program_version = "1"},
                             progress);
  }

  uint64_t Events() const {
    const OpenLog open(dir_.path("db"));
    for (Seq seq = 1; seq <= open.log->last_seq(); ++seq) {
      EXPECT_TRUE(open.log->Get(seq, Detail::kFull).ok()) << seq;
    }
    return open.log->event_count();
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    const auto listed = snapshots_.List();
    EXPECT_TRUE(listed.ok()) << listed.status();
    for (const Snapshot& snapshot : *listed) names.push_back(snapshot.name);
    return names;
  }

  // What pre-restore-TIME is called at At(seconds).
  static std::string PreRestore(double seconds) {
    return absl::StrCat("pre-restore-",
                        absl::FormatTime("%Y%m%dT%H%M%E3SZ", At(seconds), absl::UTCTimeZone()));
  }

  TempDir dir_;
  Snapshots snapshots_{dir_.path("")};
};

TEST_F(SnapshotsTest, IsPutBackWholeAndWhatWasThereIsKept) {
  Prepare();
  EXPECT_TRUE(snapshots_.Verify("early", nullptr).ok());
  ASSERT_TRUE(snapshots_.AskForRestore("early").ok());
  EXPECT_EQ(Events(), 40U);  // nothing happens before the next start
  const auto restored = snapshots_.FinishRestore(At(200), "1");
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(*restored, "early");
  EXPECT_EQ(Events(), 30U);
  {
    OpenLog open(dir_.path("db"));  // the copy goes its own way
    Append(open, 50, 55);
  }
  EXPECT_TRUE(snapshots_.Verify("early", nullptr).ok());
  EXPECT_THAT(Names(), ElementsAre(PreRestore(200), "early"));
  EXPECT_TRUE(snapshots_.Verify(PreRestore(200), nullptr).ok());
  ASSERT_TRUE(snapshots_.AskForRestore(PreRestore(200)).ok());
  ASSERT_TRUE(snapshots_.FinishRestore(At(300), "1").ok());
  EXPECT_EQ(Events(), 40U);
  EXPECT_EQ(*snapshots_.FinishRestore(At(400), "1"), "");  // asked for once, done once
  EXPECT_EQ(Events(), 40U);
}

TEST_F(SnapshotsTest, ASmallLogIsCopiedAndNoTableIsWritten) {
  const auto count = [](const std::string& folder, const char* extension) {
    size_t found = 0;
    for (const auto& entry : fs::directory_iterator(folder)) {
      found += entry.path().extension() == extension ? 1 : 0;
    }
    return found;
  };
  const Snapshots copying(dir_.path(""), /*log_bytes=*/64 << 20);
  {
    OpenLog open(dir_.path("db"));
    Append(open, 0, 30);
    for (const char* name : {"one", "two"}) {
      const auto made = copying.Create(*open.database, name,
                                       {.create_time = At(100),
                                        .last_seq = open.log->last_seq(),
                                        .event_count = open.log->event_count(),
                                        .generation = 1,
                                        .program_version = "1"},
                                       nullptr);
      ASSERT_TRUE(made.ok()) << made.status();
      EXPECT_EQ(count(dir_.path("snapshots/") + name + "/db", ".log"), 1U);
    }
    Append(open, 30, kStored);
    EXPECT_EQ(count(dir_.path("db"), ".sst"), 0U);
    ASSERT_TRUE(Make(open, "three", 100).ok());
    EXPECT_GT(count(dir_.path("db"), ".sst"), 0U);
  }
  EXPECT_TRUE(copying.Verify("one", nullptr).ok());
  ASSERT_TRUE(copying.AskForRestore("one").ok());
  ASSERT_TRUE(copying.FinishRestore(At(200), "1").ok());
  EXPECT_EQ(Events(), 30U);
}

TEST_F(SnapshotsTest, WhatIsWrongIsNamed) {
  Prepare();
  OpenLog open(dir_.path("db"));
  for (const char* name : {"", ".hidden", "a/b", "..", "two words"}) {
    const auto made = Make(open, name, 1);
    EXPECT_TRUE(absl::IsInvalidArgument(made.status())) << name << made.status();
    EXPECT_FALSE(snapshots_.Delete(name).ok()) << name;
    EXPECT_FALSE(snapshots_.AskForRestore(name).ok()) << name;
  }
  const auto again = Make(open, "early", 1);
  EXPECT_TRUE(absl::IsAlreadyExists(again.status())) << again.status();
  EXPECT_TRUE(absl::IsNotFound(snapshots_.Verify("none", nullptr)));
  EXPECT_TRUE(absl::IsNotFound(snapshots_.AskForRestore("none")));
  EXPECT_TRUE(absl::IsNotFound(snapshots_.Delete("none")));
  ASSERT_TRUE(snapshots_.Delete("early").ok());
  EXPECT_THAT(Names(), IsEmpty());
}

TEST_F(SnapshotsTest, OneThatIsCancelledLeavesNothing) {
  OpenLog open(dir_.path("db"));
  Append(open, 0, 5);
  uint64_t told = 0;
  const auto made = Make(open, "early", 1, [&told](uint64_t done, uint64_t total) {
    told = total;
    return done == 0;
  });
  EXPECT_TRUE(absl::IsCancelled(made.status())) << made.status();
  EXPECT_GT(told, 0U);
  EXPECT_TRUE(fs::is_empty(dir_.path("snapshots")));
}

TEST_F(SnapshotsTest, EveryDamagedFileIsFound) {
  Prepare();
  const std::string folder = dir_.path("snapshots/early");
  size_t files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.file_size() == 0) continue;
    ++files;
    const std::string path = entry.path().string();
    const auto flip = [&path, size = static_cast<std::streamoff>(entry.file_size())] {
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(size / 2);
      const int byte = file.get();
      file.seekp(size / 2);
      file.put(static_cast<char>(byte ^ 4));
    };
    flip();
    const absl::Status status = snapshots_.Verify("early", nullptr);
    EXPECT_TRUE(absl::IsDataLoss(status)) << path << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("snapshot 'early' is damaged"));
    flip();
  }
  EXPECT_GE(files, 4U);
  EXPECT_TRUE(snapshots_.Verify("early", nullptr).ok());
  fs::remove(folder + "/db/CURRENT");
  EXPECT_TRUE(absl::IsDataLoss(snapshots_.AskForRestore("early")));
  fs::remove(folder + "/SNAPSHOT");
  std::vector<std::string> damaged;
  EXPECT_THAT(*snapshots_.List(&damaged), IsEmpty());
  EXPECT_THAT(damaged, ElementsAre("early"));
  EXPECT_EQ(Events(), 40U);
}

// The states that a process can leave when it is killed between two steps of a restore.
TEST_F(SnapshotsTest, ARestoreThatWasKilledGoesOn) {
  const auto copy = [this](const std::string& from, const std::string& to) {
    fs::copy(dir_.path(from), dir_.path(to), fs::copy_options::recursive);
  };
  const std::vector<std::function<void()>> states = {
      [] {},                                                // asked for, nothing done
      [&] { fs::create_directory(dir_.path("db.next")); },  // half a copy
      [&] { copy("snapshots/early/db", "db.next"); },       // a whole one
      [&] {                                                 // the old one set aside
        copy("snapshots/early/db", "db.next");
        fs::rename(dir_.path("db"), dir_.path("db.previous"));
      },
      [&] {  // the new one in its place
        fs::rename(dir_.path("db"), dir_.path("db.previous"));
        copy("snapshots/early/db", "db");
      },
      [&] {  // and the question answered
        fs::rename(dir_.path("db"), dir_.path("db.previous"));
        copy("snapshots/early/db", "db");
        fs::remove(dir_.path("db.mark"));
        fs::remove(dir_.path("restore.pending"));
      },
  };
  for (size_t i = 0; i < states.size(); ++i) {
    for (const char* name : {"db", "db.mark", "db.next", "db.previous", "snapshots"}) {
      fs::remove_all(dir_.path(name));
    }
    Prepare();
    ASSERT_TRUE(snapshots_.AskForRestore("early").ok());
    states[i]();
    const auto restored = snapshots_.FinishRestore(At(200), "1");
    ASSERT_TRUE(restored.ok()) << i << restored.status();
    EXPECT_EQ(Events(), 30U) << i;
    for (const char* name : {"db.next", "db.previous", "restore.pending"}) {
      EXPECT_FALSE(fs::exists(dir_.path(name))) << i << name;
    }
    EXPECT_THAT(Names(), ElementsAre(PreRestore(200), "early")) << i;
    ASSERT_TRUE(snapshots_.AskForRestore(PreRestore(200)).ok());
    ASSERT_TRUE(snapshots_.FinishRestore(At(300), "1").ok());
    EXPECT_EQ(Events(), 40U) << i;
  }
}

TEST_F(SnapshotsTest, WhatWasSetAsideWithoutItsNameGetsIt) {
  Prepare();
  ASSERT_TRUE(snapshots_.AskForRestore("early").ok());
  ASSERT_TRUE(snapshots_.FinishRestore(At(200), "1").ok());
  const std::string name = PreRestore(200);
  fs::rename(dir_.path("snapshots/" + name), dir_.path("snapshots/.unfinished-" + name));
  fs::create_directories(dir_.path("snapshots/.unfinished-mine/db"));
  ASSERT_TRUE(snapshots_.FinishRestore(At(300), "1").ok());
  EXPECT_THAT(Names(), ElementsAre(name, "early"));
  EXPECT_FALSE(fs::exists(dir_.path("snapshots/.unfinished-mine")));
}

TEST_F(SnapshotsTest, ASnapshotThatIsDamagedByThenLeavesTheDatabase) {
  Prepare();
  ASSERT_TRUE(snapshots_.AskForRestore("early").ok());
  fs::remove(dir_.path("snapshots/early/db/CURRENT"));
  EXPECT_TRUE(absl::IsDataLoss(snapshots_.FinishRestore(At(200), "1").status()));
  EXPECT_EQ(Events(), 40U);
}

}  // namespace
}  // namespace mixmatch
