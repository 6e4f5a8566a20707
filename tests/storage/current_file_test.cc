// A database without CURRENT is not taken for an empty one: nothing is written before it is told.
#include "storage/current_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "storage/check/salvage.h"
#include "storage/snapshot_files.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

using testing::AppendOne;
using ::testing::HasSubstr;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;

// Five events: three in tables, two in the write-ahead log.
std::string MakeMemory(const TempDir& dir) {
  std::string path = dir.path("db");
  for (const auto& [first, last] : {std::pair(1, 3), std::pair(4, 5)}) {
    const OpenLog open(path);  // what was in the log file goes into tables
    for (int i = first; i <= last; ++i) {
      AppendOne(*open.log,
                MakePending("s", std::to_string(i), i,
                            {ImagePercept("png " + std::to_string(i)), TextPercept("t")}));
    }
  }
  return path;
}

std::map<std::string, std::string> Contents(const std::string& path) {
  std::map<std::string, std::string> contents;
  for (const auto& entry : fs::directory_iterator(path)) {
    contents[entry.path().filename()] = *ReadWholeFile(entry.path());
  }
  return contents;
}

void RemoveAllBut(const std::string& path, const std::string& extension) {
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() != extension) fs::remove(entry.path());
  }
}

TEST(CurrentFileTest, WithoutItNothingIsWrittenAndItIsSaidWhatToDo) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  for (const bool gone : {true, false}) {
    const std::string whole = *ReadWholeFile(path + "/CURRENT");
    if (gone) {
      fs::remove(path + "/CURRENT");
    } else {
      std::ofstream(path + "/CURRENT", std::ios::trunc).close();
    }
    const auto before = Contents(path);
    for (const bool read_only : {false, true}) {
      const absl::Status status =
          Database::Open(path, {.create_if_missing = !read_only, .read_only = read_only}).status();
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(path + "/CURRENT is"));
      EXPECT_THAT(std::string(status.message()), HasSubstr("fsck --salvage"));
    }
    EXPECT_EQ(Contents(path), before);
    std::ofstream(path + "/CURRENT", std::ios::trunc) << whole;
    const OpenLog open(path);
    EXPECT_EQ(open.log->event_count(), 5U);
  }
}

TEST(CurrentFileTest, AnyFileOfADatabaseOrItsMarkSaysThatThereWasOne) {
  const TempDir dir;
  for (const char* extension : {".sst", ".log"}) {
    const std::string path = MakeMemory(dir);
    RemoveAllBut(path, extension);
    fs::remove(path + ".mark");
    EXPECT_TRUE(absl::IsDataLoss(Database::Open(path, {}).status())) << extension;
    fs::remove_all(path);
  }
  const std::string path = MakeMemory(dir);
  fs::remove_all(path);
  const absl::Status status = Database::Open(path, {}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("sequences up to 5 were stored"));
  EXPECT_FALSE(fs::exists(path));
  fs::remove(path + ".mark");  // as the message says
  EXPECT_EQ(OpenLog(path).log->event_count(), 0U);
}

TEST(CurrentFileTest, AFirstStartThatWasCutOffBeforeItIsNoDamage) {
  const TempDir dir;
  const std::string path = dir.path("db");
  fs::create_directory(path);
  std::ofstream(path + "/LOCK").close();
  std::ofstream(path + "/MANIFEST-000001") << "half of it";
  EXPECT_EQ(OpenLog(path).log->event_count(), 0U);
}

FsckReport SalvageAll(const std::string& from, const std::string& to) {
  const auto report = Salvage(from, to, testing::FeaturesFor, [](std::string_view, uint64_t) {});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : FsckReport{};
}

TEST(CurrentFileTest, SalvageMakesItAnew) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  fs::remove(path + "/CURRENT");
  const FsckReport report = SalvageAll(path, dir.path("new/db"));
  EXPECT_TRUE(report.whole());
  EXPECT_EQ(report.events, 5U);
  EXPECT_FALSE(fs::exists(path + "/CURRENT"));
}

// What RocksDB leaves that was called where CURRENT was lost: it is not to go on from there.
TEST(CurrentFileTest, ADatabaseThatWasBegunBesideTheTablesOfAnotherIsNotOpened) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  fs::remove(path + "/CURRENT");
  {
    rocksdb::DB* made = nullptr;
    rocksdb::Options options;
    options.create_if_missing = true;
    EXPECT_FALSE(rocksdb::DB::Open(options, path, &made).ok());
    ASSERT_EQ(made, nullptr);
    ASSERT_EQ(*ReadWholeFile(path + "/CURRENT"), "MANIFEST-000001\n");
  }
  const auto before = Contents(path);
  const absl::Status status = Database::Open(path, {}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is of an empty database"));
  EXPECT_EQ(Contents(path), before);
  const FsckReport report = SalvageAll(path, dir.path("new/db"));
  EXPECT_TRUE(report.whole()) << (report.findings.empty() ? "" : report.findings.front().what);
  EXPECT_EQ(report.events, 5U);
}

// What a database leaves that was made in the folder where CURRENT was lost.
TEST(CurrentFileTest, SalvagePassesOverAManifestThatKnowsNoTables) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  { const auto database = *Database::Open(dir.path("empty"), {}); }
  std::string manifest = *ReadWholeFile(dir.path("empty/CURRENT"));
  manifest.pop_back();
  for (const bool named : {true, false}) {
    fs::copy_file(dir.path("empty/" + manifest), path + "/MANIFEST-999999",
                  fs::copy_options::overwrite_existing);
    if (named) {
      std::ofstream(path + "/CURRENT", std::ios::trunc) << "MANIFEST-999999\n";
    } else {
      fs::remove(path + "/CURRENT");
    }
    const FsckReport report = SalvageAll(path, dir.path(named ? "a/db" : "b/db"));
    EXPECT_TRUE(report.whole()) << (report.findings.empty() ? "" : report.findings.front().what);
    EXPECT_EQ(report.events, 5U) << named;
  }
}

}  // namespace
}  // namespace mixmatch
