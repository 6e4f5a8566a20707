// What is damaged is named, never believed, and harms nothing else.
#include <gtest/gtest.h>

#include <fstream>

#include "storage/codec/envelope.h"
#include "storage/database_impl.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"
#include "storage/forgetting.h"
#include "storage/generation_table.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::At;
using testing::Bind;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::RawDatabase;
using testing::RemoveLogFiles;
using testing::TempDir;
using testing::TextPercept;

// Three events, each with a payload.
std::string MakeThree(const TempDir& dir) {
  std::string path = dir.path("db");
  const OpenLog open(path);
  for (int i = 1; i <= 3; ++i) {
    AppendOne(*open.log, MakePending("s", std::to_string(i), i,
                                     {ImagePercept("png " + std::to_string(i)), TextPercept("t")}));
  }
  return path;
}

TEST(DamageTest, AFlippedHeaderIsDataLossThatNamesItsKeyAndNothingElse) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  RawDatabase(path).Flip("log", keys::Number(2), -3);
  const OpenLog open(path);
  const absl::Status status = open.log->Get(2, Detail::kHeader).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("log value"), absl::string_view::npos) << status;
  EXPECT_NE(status.message().find(keys::Hex(keys::Number(2))), absl::string_view::npos) << status;
  EXPECT_TRUE(open.log->Get(1, Detail::kFull).ok());
  EXPECT_TRUE(open.log->Get(3, Detail::kFull).ok());
  EXPECT_TRUE(open.log->EventPercepts(2).ok());
  EXPECT_EQ(AppendOne(*open.log, MakePending("s", "4", 4, {TextPercept("t")})).seq, 4u);
}

TEST(DamageTest, ADamagedLastEntryDoesNotKeepTheLogFromOpening) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  RawDatabase(path).Flip("log", keys::Number(3), -3);
  const OpenLog open(path);
  EXPECT_TRUE(absl::IsDataLoss(open.log->Get(3, Detail::kHeader).status()));
  EXPECT_EQ(AppendOne(*open.log, MakePending("s", "4", 4, {TextPercept("t")})).seq, 4u);
}

TEST(DamageTest, EveryFlippedBitOfAValueIsNoticedAndEveryCutToo) {
  storage::v1::SettingRecord record;
  record.set_value("what was stored");
  const std::string value = codec::Encode("key", record);
  ASSERT_TRUE(codec::Decode("meta", "key", value, record).ok());
  for (size_t bit = 0; bit < value.size() * 8; ++bit) {
    std::string damaged = value;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_TRUE(absl::IsDataLoss(codec::Decode("meta", "key", damaged, record))) << bit;
  }
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(codec::Decode("meta", "key", value.substr(0, size), record)));
  }
  EXPECT_TRUE(absl::IsDataLoss(codec::Decode("meta", "another key", value, record)));
}

TEST(DamageTest, AFlippedPayloadIsDataLossAndItsHeaderIsStillRead) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  RawDatabase(path).Flip("payloads", keys::Number(2), -1);
  const OpenLog open(path);
  EXPECT_TRUE(absl::IsDataLoss(open.log->Get(2, Detail::kFull).status()));
  EXPECT_TRUE(open.log->Get(2, Detail::kHeader).ok());
}

TEST(DamageTest, AMissingPayloadAndASwappedOneAreDataLoss) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  {
    RawDatabase raw(path);
    raw.Delete("payloads", keys::Number(1));
    raw.Put("payloads", keys::Number(2), raw.Get("payloads", keys::Number(3)));
  }
  const OpenLog open(path);
  EXPECT_TRUE(absl::IsDataLoss(open.log->Get(1, Detail::kFull).status()));
  EXPECT_TRUE(absl::IsDataLoss(open.log->Get(2, Detail::kFull).status()));
  EXPECT_TRUE(open.log->Get(3, Detail::kFull).ok());
}

TEST(DamageTest, FlippedFeaturesAreDataLossWhereTheyAreRead) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  RawDatabase(path).Flip("features", keys::FeaturesOf(2, 0), -1);
  const OpenLog open(path);
  EXPECT_TRUE(absl::IsDataLoss(open.log->EventPercepts(2).status()));
  EXPECT_TRUE(open.log->EventPercepts(3).ok());
}

TEST(DamageTest, DamagedCountersAreCountedAgain) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  RawDatabase(path).Flip("meta", std::string(keys::kCounters), -1);
  EXPECT_EQ(OpenLog(path).log->event_count(), 3u);
}

TEST(DamageTest, DamagedBindingStateStartsBindingAnew) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  {
    const OpenLog open(path);
    const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
    Bind(open, *table);
    ASSERT_EQ(table->open_count(), 1u);
  }
  RawDatabase(path).Flip("scenes", "", -1);
  const OpenLog open(path);
  const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
  EXPECT_EQ(table->next_seq(), 1u);
  EXPECT_EQ(table->episode_count(), 0u);
  EXPECT_EQ(table->EpisodeOf(1).value_or(9), 0u);
  Bind(open, *table);
  EXPECT_EQ(table->open_count(), 1u);
  EXPECT_EQ(table->EpisodeOf(3).value_or(0), 1u);
}

TEST(DamageTest, WhereAnEventsEpisodeCannotBeReadItIsNeitherUnboundNorForgottenByHalves) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  {
    const OpenLog open(path);
    const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
    Bind(open, *table);
  }
  RawDatabase(path).Flip("episode_of", keys::Number(2), -1);
  const OpenLog open(path);
  const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
  EXPECT_NE(table->EpisodeOf(1).value_or(0), 0u);
  EXPECT_TRUE(absl::IsDataLoss(table->EpisodeOf(2).status())) << table->EpisodeOf(2).status();
  const Seq second = 2;
  EXPECT_TRUE(absl::IsDataLoss(CountToForget(open.database.get(), {&second, 1}).status()));
  EXPECT_TRUE(absl::IsDataLoss(AskToForget(open.database.get(), {&second, 1}, {}, At(2000))));
  EXPECT_TRUE(open.log->Get(2, Detail::kFull).ok());
}

TEST(DamageTest, AFlippedByteInTheMiddleOfTheLogFileIsReportedWhenOpening) {
  const TempDir dir;
  const std::string path = dir.path("db");
  {
    const OpenLog open(path);
    for (int i = 0; i < 50; ++i) {
      AppendOne(*open.log,
                MakePending("s", std::to_string(i), i, {TextPercept(std::string(900, 'x'))}));
    }
  }
  std::filesystem::path wal;
  uintmax_t size = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() == ".log" && entry.file_size() >= size) {
      wal = entry.path();
      size = entry.file_size();
    }
  }
  ASSERT_GT(size, 40000u);
  testing::FlipByteOf(wal, static_cast<std::streamoff>(size / 2));
  const absl::Status status = Database::Open(path, {}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("restore"), absl::string_view::npos) << status;
}

TEST(DamageTest, ATornTailOfTheLogFileIsAccepted) {
  const TempDir dir;
  const std::string path = dir.path("db");
  std::filesystem::path wal;
  {
    const OpenLog open(path);
    AppendOne(*open.log, MakePending("s", "a", 1, {TextPercept("x")}));
    for (const auto& entry : std::filesystem::directory_iterator(path)) {
      if (entry.path().extension() == ".log") wal = std::max(wal, entry.path());
    }
  }
  // The beginning of a record that was never finished.
  std::ofstream(wal, std::ios::app | std::ios::binary)
      << std::string("\x12\x34\x56\x78\x40\x01\x01", 7);
  const OpenLog open(path);
  EXPECT_EQ(open.log->event_count(), 1u);
}

TEST(DamageTest, AMissingLogFileIsNoticedByTheMark) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  RemoveLogFiles(path);
  {
    const auto database = *Database::Open(path, {});  // RocksDB finds nothing wrong
    const absl::Status status = EventLog::Open(database.get()).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_NE(status.message().find("sequences 1 to 3"), absl::string_view::npos) << status;
  }
  // What the message says to do when it was meant.
  std::filesystem::remove(path + ".mark");
  const OpenLog open(path);
  EXPECT_EQ(open.log->event_count(), 0u);
}

TEST(DamageTest, AnotherEntryUnderTheMarkIsNoticed) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  storage::v1::LogRecord other;
  other.mutable_idle_close()->set_scene("elsewhere");
  const std::string key = keys::Number(3);
  RawDatabase(path).Put("log", key, codec::Encode(key, other));
  const auto database = *Database::Open(path, {});
  EXPECT_TRUE(absl::IsDataLoss(EventLog::Open(database.get()).status()));
}

TEST(DamageTest, ADamagedMarkIsAsNone) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  ASSERT_TRUE(std::filesystem::exists(path + ".mark"));
  std::ofstream(path + ".mark", std::ios::binary) << std::string(24, 'x');
  const OpenLog open(path);
  EXPECT_EQ(open.log->event_count(), 3u);
}

TEST(DamageTest, ANewerFormatIsRefusedWithAnExplanation) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  storage::v1::FormatRecord format;
  format.set_version(999);
  RawDatabase(path).Put("meta", std::string(keys::kFormat), codec::Encode(keys::kFormat, format));
  const absl::Status status = Database::Open(path, {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_NE(status.message().find("999"), absl::string_view::npos) << status;
}

TEST(DamageTest, AFileThatIsNamedAndNotThereIsDataLoss) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  std::ofstream(path + "/CURRENT") << "MANIFEST-100099\n";
  const absl::Status status = Database::Open(path, {}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find("MANIFEST-100099"), absl::string_view::npos) << status;
}

TEST(DamageTest, ASecondOpenerIsRefused) {
  const TempDir dir;
  const std::string path = MakeThree(dir);
  const OpenLog open(path);
  const absl::Status status = Database::Open(path, {}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST(DamageTest, DamagedWeightsAreDataLossAndCanBeReplaced) {
  const TempDir dir;
  const std::string path = dir.path("db");
  const std::string weights(3 << 20, 'w');
  {
    const auto database = *Database::Open(path, {});
    ASSERT_TRUE(GenerationTable(database.get()).PutWeights("learner", weights).ok());
  }
  RawDatabase(path).Flip("weights", keys::WeightsChunk("learner", 1, 1), 5000);
  const auto database = *Database::Open(path, {});
  GenerationTable table(database.get());
  EXPECT_TRUE(absl::IsDataLoss(table.GetWeights("learner").status()));
  ASSERT_TRUE(table.PutWeights("learner", "new").ok());
  EXPECT_EQ(table.GetWeights("learner").value_or(""), "new");
}

}  // namespace
}  // namespace mixmatch
