// RocksDB's threads work behind those of the program.
#include "storage/rocks_threads.h"

#include <gtest/gtest.h>
#include <rocksdb/options.h>
#include <sys/resource.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "storage/database_impl.h"
#include "storage/file_rewriting.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;

// Of this process's threads of that name.
std::set<int> NiceOf(const std::string& name) {
  std::set<int> nice;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string its;
    std::getline(comm, its);
    if (its != name) continue;
    nice.insert(
        getpriority(PRIO_PROCESS, static_cast<id_t>(std::stoi(task.path().filename().string()))));
  }
  return nice;
}

TEST(RocksThreadsTest, FlushAndCompactBehindThoseWhoWait) {
  const int own = getpriority(PRIO_PROCESS, 0);
  if (own > 0) GTEST_SKIP() << "runs behind others itself: nice " << own;
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  const Database::Impl& db = open.database->impl();
  for (int i = 0; i < 2; ++i) {
    AppendOne(*open.log, MakePending("cam", std::to_string(i), i, {TextPercept("rain")}));
    ASSERT_TRUE(FlushAll(db).ok());
  }
  EXPECT_EQ(NiceOf("rocksdb:high"), std::set<int>{5});
  rocksdb::CompactRangeOptions all;
  all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  ASSERT_TRUE(db.db().CompactRange(all, db.handle(Family::kLog), nullptr, nullptr).ok());
  EXPECT_EQ(NiceOf("rocksdb:low"), std::set<int>{5});
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), own);
}

}  // namespace
}  // namespace mixmatch
