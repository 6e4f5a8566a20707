// Old payloads go from every file, what was made of them stays, and the log stays whole.
#include "storage/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "storage/check/fsck.h"
#include "storage/event_log.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::At;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::RawDatabase;
using testing::TempDir;
using testing::TextPercept;

constexpr int kEvents = 40;

std::string ImageOf(int i) { return "a picture of marker-" + std::to_string(i) + "-end"; }
std::string TextOf(int i) { return "word-" + std::to_string(i) + "-end"; }

// The event that is stored i-th, at second i: a picture and a word, of one of two sources.
PendingEvent EventOf(int i) {
  return MakePending(i % 2 == 0 ? "door" : "desk", std::to_string(i), i,
                     {ImagePercept(ImageOf(i)), TextPercept(TextOf(i))});
}

// Events with sequence numbers 1 to kEvents; closed, so that the mark is at the end.
std::string MakeMemory(const TempDir& dir) {
  std::string path = dir.path("db");
  const OpenLog open(path);
  for (int i = 1; i <= kEvents; ++i) AppendOne(*open.log, EventOf(i), i);
  return path;
}

RetentionCounts Drop(Database* database, const char* rules, double now) {
  std::atomic<bool> stop = false;
  const auto counts = DropPayloads(database, *ParseRetention(rules), At(now), stop);
  EXPECT_TRUE(counts.ok()) << counts.status();
  return counts.value_or(RetentionCounts{});
}

bool AnyFileHolds(const std::string& path, const std::string& text) {
  for (const auto& file : std::filesystem::recursive_directory_iterator(path)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(in), {});
    if (bytes.find(text) != std::string::npos) return true;
  }
  return false;
}

void ExpectWhole(const std::string& path) {
  const auto report = Fsck(path, [](std::string_view, uint64_t) {});
  ASSERT_TRUE(report.ok()) << report.status();
  for (const FsckFinding& finding : report->findings) ADD_FAILURE() << finding.what;
}

TEST(RetentionTest, DropsWhatIsTooOldFromEveryFileAndKeepsWhatWasMadeOfIt) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  {
    const OpenLog open(path);
    const auto features = open.log->EventPercepts(3);
    // At second 30, pictures older than 10 s: those of the events 1 to 20.
    const RetentionCounts counts = Drop(open.database.get(), "image=10s", 30);
    EXPECT_EQ(counts.events, 20u);
    EXPECT_EQ(counts.percepts, 20u);
    EXPECT_EQ(counts.bytes, 9 * ImageOf(1).size() + 11 * ImageOf(10).size());
    for (int i = 1; i <= kEvents; ++i) {
      const auto event = open.log->Get(static_cast<Seq>(i), Detail::kFull);
      ASSERT_TRUE(event.ok()) << event.status();
      const auto& percepts = event->event.percepts;
      EXPECT_EQ(percepts[0].dropped, i <= 20) << i;
      EXPECT_EQ(std::get<ImagePayload>(percepts[0].payload).data, i <= 20 ? "" : ImageOf(i));
      EXPECT_EQ(std::get<TextPayload>(percepts[1].payload).text, TextOf(i));
      EXPECT_FALSE(percepts[1].dropped);
    }
    const auto again = open.log->EventPercepts(3);
    ASSERT_TRUE(again.ok());
    ASSERT_EQ(again->size(), features->size());
    EXPECT_EQ((*again)[0].features.content, (*features)[0].features.content);
    // The same event sent again is known; another under its name is refused.
    EXPECT_EQ(AppendOne(*open.log, EventOf(3)).outcome, AppendOutcome::kDuplicate);
    PendingEvent other = EventOf(3);
    other.event.percepts[0] = ImagePercept("another");
    other.features[0] = testing::FeaturesFor(other.event.percepts[0]);
    EXPECT_EQ(AppendOne(*open.log, std::move(other)).outcome, AppendOutcome::kRejected);
    EXPECT_EQ(Drop(open.database.get(), "image=10s", 30).events, 0u) << "nothing is left of it";
  }
  for (const int i : {1, 7, 20}) EXPECT_FALSE(AnyFileHolds(path, ImageOf(i))) << i;
  EXPECT_TRUE(AnyFileHolds(path, ImageOf(21)));
  ExpectWhole(path);
  // It opens, and goes on.
  const OpenLog open(path);
  EXPECT_EQ(open.log->event_count(), static_cast<uint64_t>(kEvents));
  EXPECT_EQ(AppendOne(*open.log, EventOf(kEvents + 1)).outcome, AppendOutcome::kStored);
}

TEST(RetentionTest, EachRuleGoesItsOwnWay) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  {
    const OpenLog open(path);
    EXPECT_EQ(Drop(open.database.get(), "text@door=20s", 30).percepts, 5u);  // 2, 4, … 10
    EXPECT_EQ(Drop(open.database.get(), "text@door=20s", 34).percepts, 2u);
    // A new rule begins at the beginning; what is dropped already is not counted again.
    EXPECT_EQ(Drop(open.database.get(), "text@door=20s, *=15s", 34).percepts, 2 * 19u - 7);
    const auto event = open.log->Get(2, Detail::kFull);
    ASSERT_TRUE(event.ok());
    EXPECT_TRUE(event->event.percepts[0].dropped && event->event.percepts[1].dropped);
    EXPECT_EQ(std::get<TextPayload>(event->event.percepts[1].payload).text, "");
  }
  EXPECT_FALSE(AnyFileHolds(path, TextOf(2)));
  EXPECT_TRUE(AnyFileHolds(path, TextOf(20)));
  ExpectWhole(path);
}

TEST(RetentionTest, TheLastEntryStaysForTheMark) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  {
    const OpenLog open(path);
    EXPECT_EQ(Drop(open.database.get(), "*=1s", 1e6).events, static_cast<uint64_t>(kEvents) - 1);
  }
  const OpenLog open(path);
  EXPECT_EQ(open.log->last_seq(), static_cast<Seq>(kEvents));
}

TEST(RetentionTest, WhatWasCutOffGoesOn) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  {
    const OpenLog open(path);
    std::atomic<bool> stop = true;
    const auto cut = DropPayloads(open.database.get(), *ParseRetention("*=1s"), At(30), stop);
    ASSERT_TRUE(cut.ok()) << cut.status();
    EXPECT_EQ(cut->events, 0u);
    EXPECT_EQ(Drop(open.database.get(), "*=1s", 30).events, 29u);
  }
  ExpectWhole(path);
}

TEST(RetentionTest, LostFeaturesOfDroppedPayloadsAreGroundState) {
  const TempDir dir;
  const std::string path = MakeMemory(dir);
  {
    const OpenLog open(path);
    Drop(open.database.get(), "image@desk=10s", 30);
  }
  {
    RawDatabase raw(path);
    for (const char* const key : {"\0\0\0\0\0\0\0\1\0\0\0\0", "\0\0\0\0\0\0\0\2\0\0\0\0"}) {
      const std::vector<std::string> keys = raw.Keys("features", std::string(key, 8));
      ASSERT_FALSE(keys.empty());
      raw.Delete("features", keys[0]);
    }
  }
  const auto report = Fsck(path, [](std::string_view, uint64_t) {});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->ground_count, 1u);
  EXPECT_EQ(report->derived_count, 1u);
}

TEST(RetentionTest, RulesAreReadOrNamed) {
  EXPECT_TRUE(ParseRetention("")->empty());
  EXPECT_THAT(*ParseRetention("image=720h, audio@kitchen=36h,*@a=b=24h"),
              ElementsAre(RetentionRule{"image", "", absl::Hours(720)},
                          RetentionRule{"audio", "kitchen", absl::Hours(36)},
                          RetentionRule{"", "a=b", absl::Hours(24)}));
  for (const char* const bad : {"image", "image=", "image=-1h", "image=inf", "=1h", "@door=1h",
                                "image@=1h", "image=soon"}) {
    const auto rules = ParseRetention(bad);
    EXPECT_FALSE(rules.ok()) << bad;
    EXPECT_THAT(std::string(rules.status().message()), HasSubstr(bad));
  }
}

}  // namespace
}  // namespace mixmatch
