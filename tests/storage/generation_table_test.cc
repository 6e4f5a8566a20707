// Records change together; weights are whole or absent; settings are kept.
#include "storage/generation_table.h"

#include <gtest/gtest.h>

#include <thread>

#include "storage/keys.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::At;
using testing::RawDatabase;
using testing::TempDir;

TEST(GenerationTableTest, RecordsComeBackByNumberWithEveryField) {
  const TempDir dir;
  GenerationRecord second{.number = 300,
                          .state = GenerationState::kRefused,
                          .create_time = At(5),
                          .trigger = "growth",
                          .reason = "loss is higher",
                          .steps = 12,
                          .taken = 34,
                          .learned = 56,
                          .scores = {{"contrastive loss", 1.5, 1.25, 99}},
                          .publish_time = absl::Seconds(7),
                          .periods = {{0, 128, 0.75, 5}, {128, 256, 0.5, 3}},
                          .partner_distances = {{"audio", "text", 0.125, 9}}};
  {
    const auto database = *Database::Open(dir.path("db"), {});
    GenerationTable table(database.get());
    EXPECT_TRUE(table.ListRecords()->empty());
    const GenerationRecord records[] = {second, {.number = 2, .create_time = At(1)}};
    ASSERT_TRUE(table.PutRecords(records).ok());
  }
  const auto database = *Database::Open(dir.path("db"), {});
  GenerationTable table(database.get());
  auto records = *table.ListRecords();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].number, 2u);
  EXPECT_EQ(records[0].state, GenerationState::kServing);
  EXPECT_EQ(records[1].number, 300u);
  EXPECT_EQ(records[1].state, GenerationState::kRefused);
  EXPECT_EQ(records[1].create_time, At(5));
  EXPECT_EQ(records[1].trigger, "growth");
  EXPECT_EQ(records[1].reason, "loss is higher");
  EXPECT_EQ(records[1].steps, 12u);
  EXPECT_EQ(records[1].taken, 34u);
  EXPECT_EQ(records[1].learned, 56u);
  ASSERT_EQ(records[1].scores.size(), 1u);
  EXPECT_EQ(records[1].scores[0].measure, "contrastive loss");
  EXPECT_EQ(records[1].scores[0].candidate, 1.5);
  EXPECT_EQ(records[1].scores[0].serving, 1.25);
  EXPECT_EQ(records[1].scores[0].probe_count, 99u);
  EXPECT_EQ(records[1].publish_time, absl::Seconds(7));
  ASSERT_EQ(records[1].periods.size(), 2u);
  EXPECT_EQ(records[1].periods[0].last_ordinal, 128u);
  EXPECT_EQ(records[1].periods[1].first_ordinal, 128u);
  EXPECT_EQ(records[1].periods[1].last_ordinal, 256u);
  EXPECT_EQ(records[1].periods[1].score, 0.5);
  EXPECT_EQ(records[1].periods[1].probe_count, 3u);
  EXPECT_EQ(records[1].partner_distances, second.partner_distances);
}

TEST(GenerationTableTest, WeightsOfAnySizeComeBackAndAreReplaced) {
  const TempDir dir;
  std::string large(5'000'001, '\0');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761u >> 13);
  {
    const auto database = *Database::Open(dir.path("db"), {});
    GenerationTable table(database.get());
    EXPECT_TRUE(absl::IsNotFound(table.GetWeights("a").status()));
    ASSERT_TRUE(table.PutWeights("a", std::string(9 << 20, 'o')).ok());
    ASSERT_TRUE(table.PutWeights("a", large).ok());
    ASSERT_TRUE(table.PutWeights("a/b", "").ok());
    ASSERT_TRUE(table.PutWeights("gone", "x").ok());
    ASSERT_TRUE(table.DeleteWeights("gone").ok());
  }
  {
    const auto database = *Database::Open(dir.path("db"), {});
    GenerationTable table(database.get());
    EXPECT_EQ(table.GetWeights("a").value_or("none"), large);
    EXPECT_EQ(table.GetWeights("a/b").value_or("none"), "");
    EXPECT_TRUE(absl::IsNotFound(table.GetWeights("gone").status()));
  }
  // What was replaced or deleted takes no space: five chunks and two manifests are left.
  EXPECT_EQ(RawDatabase(dir.path("db")).Keys("weights").size(), 7u);
}

TEST(GenerationTableTest, ReadersSeeOldOrNewWeightsWhileTheyAreReplaced) {
  const TempDir dir;
  const auto database = *Database::Open(dir.path("db"), {});
  GenerationTable table(database.get());
  ASSERT_TRUE(table.PutWeights("w", std::string(2'500'000, 'a')).ok());
  std::thread writer([&table] {
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(table.PutWeights("w", std::string(2'500'000, static_cast<char>('b' + i))).ok());
    }
  });
  for (int i = 0; i < 50; ++i) {
    const auto weights = table.GetWeights("w");
    ASSERT_TRUE(weights.ok()) << weights.status();
    ASSERT_EQ(*weights, std::string(2'500'000, weights->front()));
  }
  writer.join();
  EXPECT_EQ(table.GetWeights("w")->front(), 'k');
}

TEST(DatabaseTest, SettingsAreKeptAndDiskBytesCount) {
  const TempDir dir;
  const std::string value("on\0off", 6);
  {
    const auto database = *Database::Open(dir.path("db"), {});
    EXPECT_TRUE(absl::IsNotFound(database->GetSetting("paused").status()));
    ASSERT_TRUE(database->PutSetting("paused", value).ok());
    EXPECT_GT(database->DiskBytes(), 0u);
  }
  const auto database = *Database::Open(dir.path("db"), {});
  EXPECT_EQ(database->GetSetting("paused").value_or(""), value);
}

TEST(DatabaseTest, WithoutCreateAMissingDatabaseIsRefused) {
  const TempDir dir;
  const absl::Status status = Database::Open(dir.path("db"), {.create_if_missing = false}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

}  // namespace
}  // namespace mixmatch
