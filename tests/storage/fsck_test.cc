// A whole directory is whole; each kind of damage is found, named and told ground from derived.
#include "storage/check/fsck.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "storage/check/rebuild.h"
#include "storage/codec/envelope.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"
#include "storage/generation_table.h"
#include "storage/keys.h"
#include "storage/log_chain.h"
#include "storage/records.pb.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using ::testing::HasSubstr;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::RawDatabase;
using testing::TempDir;
using testing::TextPercept;

constexpr int kEvents = 6;

// Six events in two scenes, bound into episodes; weights.
std::string MakeMemory(const TempDir& dir) {
  std::string path = dir.path("db");
  const OpenLog open(path);
  for (int i = 1; i <= kEvents; ++i) {
    PendingEvent pending =
        MakePending("s", std::to_string(i), i * 10,
                    {ImagePercept("png " + std::to_string(i)), TextPercept("t")});
    pending.event.metadata["letter"] = i % 2 == 0 ? "even" : "odd";
    AppendOne(*open.log, std::move(pending));
  }
  EXPECT_TRUE(open.log->AppendIdleCloses({""}, testing::At(2000)).ok());
  const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
  Bind(open, *table);
  EXPECT_GT(table->closed_count(), 2U);
  EXPECT_TRUE(GenerationTable(open.database.get()).PutWeights("g", std::string(3 << 20, 'w')).ok());
  return path;
}

FsckReport Check(const std::string& path) {
  const auto report = Fsck(path, [](std::string_view, uint64_t) {});
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *report : FsckReport{};
}

std::string Text(const FsckReport& report) {
  std::string text;
  for (const FsckFinding& f : report.findings) {
    text += (f.ground ? "ground " : "derived ") + f.family + " " + std::to_string(f.first_seq) +
            "-" + std::to_string(f.last_seq) + ": " + f.what + "\n";
  }
  return text;
}

TEST(FsckTest, AWholeDirectoryIsWholeAndNothingIsWritten) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  const OpenLog open(path);  // it may be in use
  const FsckReport report = Check(path);
  EXPECT_TRUE(report.whole()) << Text(report);
  EXPECT_EQ(report.events, static_cast<uint64_t>(kEvents));
  EXPECT_GT(report.values, 50U);
}

TEST(FsckTest, FindsEachKindOfDamageAndWhatItIsAbout) {
  struct Case {
    const char* name;
    std::function<void(RawDatabase&)> damage;
    const char* finding;  // the line that must be among the findings
    bool ground;
  };
  const std::string third = keys::Number(3);
  const auto decode = [](RawDatabase& raw, const std::string& key) {
    storage::v1::LogRecord record;
    EXPECT_TRUE(codec::Decode("log", key, raw.Get("log", key), record).ok());
    return record;
  };
  const std::vector<Case> cases = {
      {"a flipped header", [&](RawDatabase& raw) { raw.Flip("log", third, -3); },
       "ground log 3-3: log value not read", true},
      {"an entry that is gone", [&](RawDatabase& raw) { raw.Delete("log", third); },
       "ground log 3-3: it hangs on sequence 3, which is gone", true},
      {"what is left of it", [&](RawDatabase& raw) { raw.Delete("log", third); },
       "ground identity 3-3: its event is gone", true},
      {"an entry changed with a right checksum",
       [&](RawDatabase& raw) {
         storage::v1::LogRecord record = decode(raw, third);
         record.set_ingest_time_ns(record.ingest_time_ns() + 1);
         raw.Put("log", third, codec::Encode(third, record));
       },
       "ground log 3-3: the chain breaks here", true},
      {"the first entry changed with a right checksum",
       [&](RawDatabase& raw) {
         const std::string first = keys::Number(1);
         storage::v1::LogRecord record = decode(raw, first);
         record.set_ingest_time_ns(record.ingest_time_ns() + 1);
         raw.Put("log", first, codec::Encode(first, record));
       },
       "ground log 1-1: the chain breaks here", true},
      {"a flipped payload", [&](RawDatabase& raw) { raw.Flip("payloads", third, -1); },
       "ground payloads 3-3: payloads value not read", true},
      {"a missing payload", [&](RawDatabase& raw) { raw.Delete("payloads", third); },
       "ground payloads 3-3: it is missing", true},
      {"another payload with a right checksum",
       [&](RawDatabase& raw) {
         storage::v1::PayloadRecord record;
         const std::string fourth = keys::Number(4);
         EXPECT_TRUE(codec::Decode("payloads", fourth, raw.Get("payloads", fourth), record).ok());
         raw.Put("payloads", third, codec::Encode(third, record));
       },
       "ground identity 3-3: the event's content is not", true},
      {"a missing identity",
       [&](RawDatabase& raw) { raw.Delete("identity", keys::Identity("s", "3")); },
       "ground identity 3-3: the event's identity is missing", true},
      {"flipped features",
       [&](RawDatabase& raw) { raw.Flip("features", keys::FeaturesOf(3, 0), -1); },
       "derived features 3-3: features value not read", false},
      {"missing features",
       [&](RawDatabase& raw) { raw.Delete("features", keys::FeaturesOf(3, 1)); },
       "derived features 3-3: they are missing", false},
      {"a missing key of a scene",
       [&](RawDatabase& raw) {
         raw.Delete("by_metadata", keys::WithSeq(keys::MetadataPrefix("letter", "odd"), 3));
       },
       "derived by_metadata 3-3: the event's key is missing", false},
      {"a key too many",
       [&](RawDatabase& raw) {
         raw.Put("by_scene", keys::WithSeq(keys::NamePrefix("nowhere"), 99), "");
       },
       "derived by_scene 99-99: it points to no event", false},
      {"a flipped modality", [&](RawDatabase& raw) { raw.Flip("meta", keys::Modality(1), -1); },
       "ground meta 0-0: meta value not read", true},
      {"wrong counters",
       [&](RawDatabase& raw) {
         storage::v1::CountersRecord counters;
         counters.set_event_count(77);
         raw.Put("meta", std::string(keys::kCounters), codec::Encode(keys::kCounters, counters));
       },
       "derived meta 0-0: it counts 77 events; there are 6", false},
      {"a flipped episode", [&](RawDatabase& raw) { raw.Flip("episodes", keys::Number(1), -1); },
       "derived episodes 0-0: episodes value not read", false},
      {"a closed episode that is gone",
       [&](RawDatabase& raw) { raw.Delete("closed", keys::Number(1)); },
       "derived closed 0-0: ordinal 1 is missing", false},
      {"an event that points to no episode",
       [&](RawDatabase& raw) { raw.Delete("episode_of", third); },
       "derived episodes 3-3: a member does not point back", false},
      {"a flipped chunk of weights",
       [&](RawDatabase& raw) { raw.Flip("weights", keys::WeightsChunk("g", 1, 1), 5000); },
       "ground weights 0-0: the chunks of 'g'", true},
      {"a missing chunk of weights",
       [&](RawDatabase& raw) { raw.Delete("weights", keys::WeightsChunk("g", 1, 2)); },
       "ground weights 0-0: the chunks of 'g'", true},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const TempDir dir;
    const std::string path = MakeMemory(dir);
    {
      RawDatabase raw(path);
      one.damage(raw);
    }
    const FsckReport report = Check(path);
    EXPECT_FALSE(report.whole());
    EXPECT_THAT(Text(report), HasSubstr(one.finding));
    EXPECT_EQ(report.ground_count > 0, one.ground) << Text(report);
  }
}

TEST(FsckTest, ALogThatAnEarlierBuildBeganIsWholeAndGoesOn) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  {
    RawDatabase raw(path);
    for (const std::string& key : raw.Keys("log")) {
      storage::v1::LogRecord record;
      ASSERT_TRUE(codec::Decode("log", key, raw.Get("log", key), record).ok());
      record.clear_previous();
      record.clear_link();
      raw.Put("log", key, codec::Encode(key, record));
    }
  }
  std::filesystem::remove(path + ".mark");  // it was that build's too
  {
    const OpenLog open(path);
    AppendOne(*open.log, MakePending("s", "new", 1, {TextPercept("t")}));
    AppendOne(*open.log, MakePending("s", "newer", 2, {TextPercept("t")}));
  }
  FsckReport report = Check(path);
  EXPECT_TRUE(report.whole()) << Text(report);
  RawDatabase(path).Delete("log", keys::Number(kEvents + 1));  // the last without a link
  report = Check(path);
  EXPECT_THAT(Text(report), HasSubstr("it hangs on sequence 7, which is gone"));
}

TEST(FsckTest, AWriteThatFailedAndCameBackHangsBesideTheChain) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  constexpr Seq kLast = kEvents + 1;
  {
    RawDatabase raw(path);
    const auto put = [&raw](Seq seq, ChainEnd before) {
      storage::v1::LogRecord record;
      record.set_ingest_time_ns(static_cast<int64_t>(seq));
      record.mutable_idle_close()->set_scene("a");
      Hang(seq, {}, record, before);
      raw.Put("log", keys::Number(seq), codec::Encode(keys::Number(seq), record));
    };
    storage::v1::LogRecord last;
    const std::string key = keys::Number(kLast);
    ASSERT_TRUE(codec::Decode("log", key, raw.Get("log", key), last).ok());
    const ChainEnd end{.seq = kLast, .link = last.link()};
    put(kLast + 1, end);  // failed, and came back
    put(kLast + 2, end);  // written meanwhile
  }
  const FsckReport report = Check(path);
  EXPECT_TRUE(report.whole()) << Text(report);
}

// Damages a memory, makes a part of it anew, and says what is found then.
FsckReport Rebuilt(const std::string& path, RebuildWhat what,
                   const std::function<void(RawDatabase&)>& damage) {
  {
    RawDatabase raw(path);
    damage(raw);
  }
  EXPECT_FALSE(Check(path).whole());
  {
    const auto database = *Database::Open(path, {});
    const absl::Status status =
        Rebuild(database.get(), what, testing::FeaturesFor, [](std::string_view, uint64_t) {});
    EXPECT_TRUE(status.ok()) << status;
  }
  return Check(path);
}

TEST(RebuildTest, KeysAndCountersFollowFromTheLog) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  std::map<std::string, std::vector<std::string>> before;
  {
    RawDatabase raw(path);
    for (const char* family : {"by_time", "by_scene", "by_source", "by_modality", "by_metadata"}) {
      before[family] = raw.Keys(family);
      EXPECT_FALSE(before[family].empty()) << family;
    }
  }
  const FsckReport report = Rebuilt(path, RebuildWhat::kKeys, [](RawDatabase& raw) {
    raw.Delete("by_metadata", keys::WithSeq(keys::MetadataPrefix("letter", "odd"), 3));
    raw.Put("by_scene", keys::WithSeq(keys::NamePrefix("nowhere"), 99), "");
    raw.Delete("by_time", raw.Keys("by_time").front());
    raw.Delete("meta", std::string(keys::kCounters));
  });
  EXPECT_TRUE(report.whole()) << Text(report);
  RawDatabase raw(path);
  for (const auto& [family, keys] : before) EXPECT_EQ(raw.Keys(family), keys) << family;
}

TEST(RebuildTest, FeaturesAreMadeAgainOfPayloads) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  std::map<std::string, std::string> before;
  const FsckReport report = Rebuilt(path, RebuildWhat::kFeatures, [&before](RawDatabase& raw) {
    for (const std::string& key : raw.Keys("features")) before[key] = raw.Get("features", key);
    raw.Delete("features", keys::FeaturesOf(2, 0));
    raw.Flip("features", keys::FeaturesOf(3, 1), -1);
  });
  EXPECT_TRUE(report.whole()) << Text(report);
  RawDatabase raw(path);
  EXPECT_EQ(raw.Keys("features").size(), before.size());
  for (const auto& [key, value] : before) EXPECT_EQ(raw.Get("features", key), value);
}

TEST(RebuildTest, EpisodesAreBoundAgainAlike) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  const std::string third = keys::Number(3);
  std::string before;
  FsckReport report = Rebuilt(path, RebuildWhat::kEpisodes, [&](RawDatabase& raw) {
    before = raw.Get("episode_of", third);
    raw.Flip("episodes", keys::Number(1), -1);
  });
  EXPECT_TRUE(report.whole()) << Text(report);
  {
    const OpenLog open(path);
    const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
    EXPECT_EQ(table->next_seq(), 1U);
    Bind(open, *table);
  }
  report = Check(path);
  EXPECT_TRUE(report.whole()) << Text(report);
  EXPECT_EQ(RawDatabase(path).Get("episode_of", third), before);
}

TEST(RebuildTest, KeysAreLeftAloneWhereTheLogCannotBeRead) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  size_t before = 0;
  {
    RawDatabase raw(path);
    raw.Flip("log", keys::Number(3), -3);
    before = raw.Keys("by_time").size();
  }
  {
    const auto database = *Database::Open(path, {});
    EXPECT_TRUE(absl::IsDataLoss(Rebuild(database.get(), RebuildWhat::kKeys, testing::FeaturesFor,
                                         [](std::string_view, uint64_t) {})));
  }
  EXPECT_EQ(RawDatabase(path).Keys("by_time").size(), before);
  EXPECT_FALSE(ParseRebuildWhat("everything").ok());
}

TEST(FsckTest, NamesTheTableThatIsDamaged) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  { const OpenLog again(path); }  // what was in the log file is in tables now
  std::filesystem::path largest;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const bool table = entry.path().extension() == ".sst";
    if (table && (largest.empty() || entry.file_size() > std::filesystem::file_size(largest))) {
      largest = entry.path();
    }
  }
  ASSERT_FALSE(largest.empty());
  testing::FlipByteOf(largest, 60);
  const FsckReport report = Check(path);
  EXPECT_THAT(Text(report), HasSubstr("ground tables"));
  EXPECT_THAT(Text(report), HasSubstr(largest.filename().string()));
}

TEST(FsckTest, NoticesThatTheLogEndsBeforeItsMark) {
  const TempDir dir;
  const std::string path = dir.path("db");
  {
    const OpenLog open(path);
    for (int i = 1; i <= 3; ++i) {
      AppendOne(*open.log, MakePending("s", std::to_string(i), i, {TextPercept("t")}));
    }
  }
  testing::RemoveLogFiles(path);
  const FsckReport report = Check(path);
  EXPECT_THAT(Text(report), HasSubstr("ground mark"));
  EXPECT_THAT(Text(report), HasSubstr("sequences 1 to 3"));
}

TEST(FsckTest, SaysThatThereIsNothing) {
  const TempDir dir;
  EXPECT_TRUE(absl::IsNotFound(Fsck(dir.path("db"), [](std::string_view, uint64_t) {}).status()));
}

}  // namespace
}  // namespace mixmatch
