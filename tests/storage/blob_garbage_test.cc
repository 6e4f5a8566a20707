// Blob files that hold little of what is wanted go, and what is wanted stays.
#include "storage/blob_garbage.h"

#include <gtest/gtest.h>
#include <rocksdb/metadata.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <vector>

#include "storage/database_impl.h"
#include "storage/file_rewriting.h"
#include "storage/keys.h"
#include "storage/pacer.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::OpenLog;
using testing::TempDir;

constexpr int kRounds = 8;
constexpr int kEach = 10;  // values of a round
constexpr BlobGarbageLimits kAtOnce{.share = 1.0 / 3, .bytes_min = 0};

class BlobGarbageTest : public ::testing::Test {
 protected:
  // A blob file of each round.
  BlobGarbageTest() {
    for (int round = 0; round < kRounds; ++round) {
      for (int i = 0; i < kEach; ++i) Put(round * kEach + i);
      EXPECT_TRUE(FlushAll(db()).ok());
    }
  }

  const Database::Impl& db() { return open_.database->impl(); }
  rocksdb::ColumnFamilyHandle* family() { return db().handle(Family::kPayloads); }
  static std::string KeyOf(int number) { return keys::Number(static_cast<uint64_t>(number) + 1); }
  static std::string ValueOf(int number) {
    return std::string(20'000, static_cast<char>('a' + number % 26));
  }

  void Put(int number) {
    ASSERT_TRUE(db().db().Put({}, family(), KeyOf(number), ValueOf(number)).ok());
  }

  // Keeps one of each round, and has compaction notice.
  void DeleteMost() {
    for (int number = 0; number < kRounds * kEach; ++number) {
      if (number % kEach == 0) continue;
      ASSERT_TRUE(db().db().Delete({}, family(), KeyOf(number)).ok());
    }
    Compact();
  }

  void Compact() {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    ASSERT_TRUE(db().db().CompactRange(options, family(), nullptr, nullptr).ok());
  }

  uint64_t BlobBytes() {
    uint64_t bytes = 0;
    EXPECT_TRUE(
        db().db().GetIntProperty(family(), rocksdb::DB::Properties::kLiveBlobFileSize, &bytes));
    return bytes;
  }

  size_t Collect(const BlobGarbageLimits& limits) {
    const auto collected = CollectBlobGarbage(*open_.database, stop_, limits);
    EXPECT_TRUE(collected.ok()) << collected.status();
    return collected.value_or(0);
  }

  TempDir dir_;
  OpenLog open_{dir_.path("db")};
  std::atomic<bool> stop_ = false;
};

TEST_F(BlobGarbageTest, IsGivenBackAndWhatIsWantedStays) {
  DeleteMost();
  const uint64_t before = BlobBytes();
  ASSERT_GT(before, kRounds * kEach * 20'000U);
  int rounds = 0;
  while (Collect(kAtOnce) > 0) ASSERT_LT(++rounds, 20);
  EXPECT_GT(rounds, 1) << "a quarter of the files at a time";
  EXPECT_LT(BlobBytes(), before / 2);
  for (int number = 0; number < kRounds * kEach; ++number) {
    std::string value;
    const rocksdb::Status read = db().db().Get({}, family(), KeyOf(number), &value);
    if (number % kEach == 0) {
      ASSERT_TRUE(read.ok()) << read.ToString();
      EXPECT_EQ(value, ValueOf(number));
    } else {
      EXPECT_TRUE(read.IsNotFound()) << number;
    }
  }
}

TEST_F(BlobGarbageTest, CompactionLeavesWantedBlobsWhereTheyAre) {
  const uint64_t before = BlobBytes();
  const auto blob_files = [this] {
    rocksdb::ColumnFamilyMetaData meta;
    db().db().GetColumnFamilyMetaData(family(), &meta);
    std::vector<std::string> names;
    for (const auto& file : meta.blob_files) names.push_back(file.blob_file_name);
    std::sort(names.begin(), names.end());
    return names;
  };
  const std::vector<std::string> names = blob_files();
  EXPECT_EQ(names.size(), kRounds);
  Compact();
  EXPECT_EQ(blob_files(), names);
  EXPECT_EQ(BlobBytes(), before);
}

TEST_F(BlobGarbageTest, LittleIsLeft) {
  EXPECT_EQ(Collect(kAtOnce), 0U) << "there is none";
  DeleteMost();
  const uint64_t before = BlobBytes();
  EXPECT_EQ(Collect({}), 0U) << "less than 64 MiB";
  EXPECT_EQ(BlobBytes(), before);
}

TEST_F(BlobGarbageTest, IsLeftOnceToldToStop) {
  DeleteMost();
  const uint64_t before = BlobBytes();
  stop_ = true;
  EXPECT_EQ(Collect(kAtOnce), 0U);
  EXPECT_EQ(BlobBytes(), before);
}

TEST(PacerTest, TakesTurnsByBytesAndMakesUpForNothing) {
  Pacer pacer(1000);
  absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(pacer.Take(500, now), absl::ZeroDuration());
  EXPECT_EQ(pacer.Take(100, now), absl::Milliseconds(500));
  EXPECT_EQ(pacer.Take(100, now), absl::Milliseconds(600));
  now += absl::Seconds(10);
  EXPECT_EQ(pacer.Take(500, now), absl::ZeroDuration());
  EXPECT_EQ(pacer.Take(1, now), absl::Milliseconds(500));
}

}  // namespace
}  // namespace mixmatch
