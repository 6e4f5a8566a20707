// A copy of a database that is written meanwhile is whole.
#include "storage/check/still_copy.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "storage/check/fsck.h"
#include "storage/file_rewriting.h"
#include "storage/small_tables.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
using testing::AppendOne;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;

TEST(StillCopyTest, IsWholeWhileTheDatabaseIsWritten) {
  const TempDir dir;
  const std::string path = dir.path("db");
  OpenLog open(path);
  std::atomic<bool> stop = false;
  std::atomic<int> stored = 0;
  std::thread writer([&] {
    for (int i = 0; i < 20'000 && !stop; ++i, ++stored) {
      AppendOne(*open.log, MakePending("cam", std::to_string(i), i,
                                       {ImagePercept(std::string(9000, 'p')), TextPercept("t")}));
      const absl::Status flushed = i % 20 == 0 ? FlushAll(open.database->impl()) : absl::OkStatus();
      const absl::Status merged =
          i % 100 == 0 ? MergeSmallTables(*open.database, stop).status() : absl::OkStatus();
      EXPECT_TRUE(flushed.ok() && merged.ok()) << flushed << merged;
    }
  });
  auto end = absl::MakeCleanup([&] {
    stop = true;
    writer.join();
  });
  while (stored < 200) std::this_thread::yield();
  for (int round = 0; round < 5; ++round) {
    const int before = stored;
    const auto copy = StillCopy::Of(path);
    ASSERT_TRUE(copy.ok()) << copy.status();
    const auto report = Fsck((*copy)->path(), [](std::string_view, uint64_t) {});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_GE(report->events, static_cast<uint64_t>(before));
    EXPECT_TRUE(report->whole()) << report->findings.size() << " findings, the first: "
                                 << (report->findings.empty() ? "" : report->findings[0].what);
  }
  std::move(end).Invoke();
  EXPECT_FALSE(fs::exists(path + ".checked-" + std::to_string(getpid())));
  EXPECT_FALSE(fs::exists(path + ".checked-" + std::to_string(getpid()) + ".mark"));
}

TEST(StillCopyTest, ThoseOfAProcessThatEndedAreRemovedAndOthersAreNot) {
  const pid_t ended = fork();
  if (ended == 0) _exit(0);
  waitpid(ended, nullptr, 0);
  const TempDir dir;
  const std::string path = dir.path("db");
  const std::string left = path + ".checked-" + std::to_string(ended);
  const std::string used = path + ".checked-" + std::to_string(getppid());
  for (const std::string& copy : {left, used}) {
    fs::create_directories(copy);
    std::ofstream(copy + "/000001.sst") << "x";
    std::ofstream(copy + ".mark") << "x";
  }
  RemoveStillCopies(path);
  EXPECT_FALSE(fs::exists(left));
  EXPECT_FALSE(fs::exists(left + ".mark"));
  EXPECT_TRUE(fs::exists(used + "/000001.sst"));
  EXPECT_TRUE(fs::exists(used + ".mark"));
}

TEST(StillCopyTest, WhoElseHasADatabaseOpenIsKnown) {
  const TempDir dir;
  const std::string path = dir.path("db");
  { const OpenLog open(path); }
  EXPECT_FALSE(IsOpenElsewhere(path));
  int ready[2];
  int done[2];
  ASSERT_EQ(pipe(ready) + pipe(done), 0);
  const pid_t holder = fork();
  if (holder == 0) {
    const int file = open((path + "/LOCK").c_str(), O_RDWR);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    char byte = static_cast<char>(fcntl(file, F_SETLK, &lock) == 0 ? 'y' : 'n');
    if (write(ready[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  char held = 'n';
  ASSERT_EQ(read(ready[0], &held, 1), 1);
  EXPECT_EQ(held, 'y');
  EXPECT_TRUE(IsOpenElsewhere(path));
  ASSERT_EQ(write(done[1], "x", 1), 1);
  waitpid(holder, nullptr, 0);
  EXPECT_FALSE(IsOpenElsewhere(path));
}

}  // namespace
}  // namespace mixmatch
