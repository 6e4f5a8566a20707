// The event log: once, durable, as sent.
#include "storage/event_log.h"

#include <gtest/gtest.h>
#include <rocksdb/iostats_context.h>
#include <rocksdb/perf_level.h>

#include "core/base/status.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::At;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;
using testing::VectorPercept;

// One percept of each kind, with everything set that may be.
PendingEvent RichEvent() {
  PendingEvent pending =
      MakePending(std::string("cam\0\xff", 5), "e1", 1.25,
                  {TextPercept("short"),
                   TextPercept(std::string(5000, 'x'), "page"),
                   ImagePercept("png bytes"),
                   VectorPercept({1, -2.5f, 3}),
                   {.modality = "audio",
                    .payload = AudioPayload{.data = std::string("\0\1\2", 3),
                                            .media_type = "audio/l16",
                                            .sample_rate_hz = 8000,
                                            .channel_count = 2}},
                   {.modality = "imu",
                    .payload = SeriesPayload{
                        .values = {1, 2, 3, 4}, .channel_count = 2, .times_s = {0, 0.5}}}});
  pending.event.duration = absl::Milliseconds(1500);
  pending.event.scene = "kitchen";
  pending.event.position = Position{1, 2, -3};
  pending.event.metadata = {{"digit", "3"}, {"note", std::string(2000, 'n')}};
  return pending;
}

TEST(EventLogTest, GivesBackEveryFieldAfterReopening) {
  const TempDir dir;
  const PendingEvent sent = RichEvent();
  {
    OpenLog open(dir.path("db"));
    const AppendResult result = AppendOne(*open.log, sent, 77);
    ASSERT_EQ(result.outcome, AppendOutcome::kStored) << result.error;
    EXPECT_EQ(result.seq, 1u);
  }
  const OpenLog open(dir.path("db"));
  EXPECT_EQ(open.log->last_seq(), 1u);
  EXPECT_EQ(open.log->event_count(), 1u);
  const auto full = open.log->Get(1, Detail::kFull);
  ASSERT_TRUE(full.ok()) << full.status();
  // The canonical hash covers every field, so equal hashes are equal events.
  EXPECT_EQ(HashEvent(full->event), HashEvent(sent.event));
  EXPECT_EQ(full->ingest_time, At(77));
  EXPECT_EQ(open.log->Find(sent.event.source, "e1").value_or(0), 1u);
  EXPECT_TRUE(absl::IsNotFound(open.log->Find("cam", "e1").status()));
  EXPECT_TRUE(absl::IsNotFound(open.log->Get(2, Detail::kFull).status()));
}

TEST(EventLogTest, HeaderKeepsShapesAndShortTextsAndNoPayload) {
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  AppendOne(*open.log, RichEvent());
  const auto header = open.log->Get(1, Detail::kHeader);
  ASSERT_TRUE(header.ok()) << header.status();
  const std::vector<Percept>& percepts = header->event.percepts;
  ASSERT_EQ(percepts.size(), 6u);
  EXPECT_EQ(std::get<TextPayload>(percepts[0].payload).text, "short");
  EXPECT_EQ(std::get<TextPayload>(percepts[1].payload).text, "");
  EXPECT_EQ(std::get<ImagePayload>(percepts[2].payload).data, "");
  EXPECT_EQ(std::get<ImagePayload>(percepts[2].payload).media_type, "image/png");
  EXPECT_TRUE(std::get<VectorPayload>(percepts[3].payload).values.empty());
  EXPECT_EQ(std::get<AudioPayload>(percepts[4].payload).sample_rate_hz, 8000u);
  EXPECT_EQ(std::get<SeriesPayload>(percepts[5].payload).channel_count, 2u);
  EXPECT_TRUE(std::get<SeriesPayload>(percepts[5].payload).values.empty());
  EXPECT_EQ(header->event.metadata.at("digit"), "3");
}

TEST(EventLogTest, AppendReturnsAfterItsLogIsSynced) {
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  rocksdb::SetPerfLevel(rocksdb::kEnableTime);
  rocksdb::get_iostats_context()->Reset();
  AppendOne(*open.log, MakePending("s", "a", 1, {TextPercept("one")}));
  EXPECT_GT(rocksdb::get_iostats_context()->fsync_nanos, 0u);
  rocksdb::SetPerfLevel(rocksdb::kDisable);
}

TEST(EventLogTest, SameEventAgainIsADuplicateAndOtherContentIsRefused) {
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  AppendOne(*open.log, MakePending("s", "a", 1, {TextPercept("one")}));
  const AppendResult again = AppendOne(*open.log, MakePending("s", "a", 1, {TextPercept("one")}));
  EXPECT_EQ(again.outcome, AppendOutcome::kDuplicate);
  EXPECT_EQ(again.seq, 1u);
  const AppendResult other = AppendOne(*open.log, MakePending("s", "a", 1, {TextPercept("two")}));
  EXPECT_EQ(other.outcome, AppendOutcome::kRejected);
  EXPECT_TRUE(absl::IsAlreadyExists(other.error)) << other.error;
  EXPECT_EQ(FieldOf(other.error), "event_id");
  // The same id of another source is another event.
  EXPECT_EQ(AppendOne(*open.log, MakePending("t", "a", 1, {TextPercept("two")})).outcome,
            AppendOutcome::kStored);
  EXPECT_EQ(open.log->event_count(), 2u);
}

TEST(EventLogTest, IdentityKeepsSourceAndIdApart) {
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  AppendOne(*open.log, MakePending("ab", "c", 1, {TextPercept("x")}));
  EXPECT_EQ(AppendOne(*open.log, MakePending("a", "bc", 1, {TextPercept("x")})).outcome,
            AppendOutcome::kStored);
}

TEST(EventLogTest, DuplicatesInsideOneBatchAreStoredOnce) {
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  std::vector<PendingEvent> events;
  events.push_back(MakePending("s", "a", 1, {TextPercept("one")}));
  events.push_back(MakePending("s", "a", 1, {TextPercept("one")}));
  events.push_back(MakePending("s", "a", 1, {TextPercept("two")}));
  events.push_back(MakePending("s", "b", 1, {TextPercept("two")}));
  const auto results = open.log->Append(std::move(events), At(5));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ((*results)[0].outcome, AppendOutcome::kStored);
  EXPECT_EQ((*results)[1].outcome, AppendOutcome::kDuplicate);
  EXPECT_EQ((*results)[1].seq, (*results)[0].seq);
  EXPECT_TRUE(absl::IsAlreadyExists((*results)[2].error));
  EXPECT_EQ((*results)[3].outcome, AppendOutcome::kStored);
  EXPECT_EQ(open.log->event_count(), 2u);
  EXPECT_EQ(open.log->last_seq(), 2u);
}

TEST(EventLogTest, ModalityIsFixedByItsFirstPercept) {
  const TempDir dir;
  {
    const OpenLog open(dir.path("db"));
    AppendOne(*open.log, MakePending("s", "a", 1, {VectorPercept({1, 2, 3}, "pose")}));
    std::vector<PendingEvent> events;
    events.push_back(MakePending("s", "b", 1, {VectorPercept({1, 2}, "pose")}));
    events.push_back(
        MakePending("s", "c", 1, {VectorPercept({4, 5, 6}, "pose"), TextPercept("x", "pose")}));
    // Two percepts of one new modality that do not agree; nothing of it is registered.
    events.push_back(
        MakePending("s", "d", 1, {VectorPercept({1}, "new"), VectorPercept({1, 2}, "new")}));
    events.push_back(MakePending("s", "e", 1, {VectorPercept({1, 2, 4}, "pose")}));
    const auto results = open.log->Append(std::move(events), At(5));
    ASSERT_TRUE(results.ok()) << results.status();
    EXPECT_TRUE(absl::IsInvalidArgument((*results)[0].error));
    EXPECT_EQ(FieldOf((*results)[0].error), "percepts[0].vector");
    EXPECT_EQ(FieldOf((*results)[1].error), "percepts[1].modality");
    EXPECT_EQ(FieldOf((*results)[2].error), "percepts[1].vector");
    EXPECT_EQ((*results)[3].outcome, AppendOutcome::kStored);
  }
  const OpenLog open(dir.path("db"));
  const std::vector<RegisteredModality> modalities = open.log->Modalities();
  ASSERT_EQ(modalities.size(), 1u);
  EXPECT_EQ(modalities[0].spec.name, "pose");
  EXPECT_EQ(modalities[0].spec.dimension, 3u);
  EXPECT_EQ(modalities[0].percept_count, 2u);
  EXPECT_TRUE(absl::IsNotFound(open.log->FindModality("new").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      AppendOne(*open.log, MakePending("s", "f", 1, {TextPercept("x", "pose")})).error));
}

TEST(EventLogTest, FeaturesThatDoNotFillTheirShapeAreRefused) {
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  PendingEvent pending = MakePending("s", "a", 1, {VectorPercept({1, 2, 3})});
  pending.features[0].shape = {4};
  EXPECT_TRUE(absl::IsInvalidArgument(AppendOne(*open.log, std::move(pending)).error));
  EXPECT_EQ(open.log->event_count(), 0u);
  EXPECT_TRUE(open.log->Modalities().empty());
}

TEST(EventLogTest, IngestTimesNeverFall) {
  const TempDir dir;
  {
    const OpenLog open(dir.path("db"));
    AppendOne(*open.log, MakePending("s", "a", 1, {TextPercept("x")}), 100);
    AppendOne(*open.log, MakePending("s", "b", 1, {TextPercept("x")}), 50);
    EXPECT_EQ(open.log->Get(2, Detail::kHeader)->ingest_time, At(100));
  }
  const OpenLog open(dir.path("db"));
  AppendOne(*open.log, MakePending("s", "c", 1, {TextPercept("x")}), 60);
  EXPECT_EQ(open.log->Get(3, Detail::kHeader)->ingest_time, At(100));
}

TEST(EventLogTest, EntriesOfAllKindsComeBackInOrder) {
  const TempDir dir;
  BindingConfig config;
  config.gap = absl::Milliseconds(250);
  config.probe_salt = ~uint64_t{0};
  {
    const OpenLog open(dir.path("db"));
    ASSERT_EQ(open.log->AppendBindingConfig(config, At(1)).value_or(0), 1u);
    PendingEvent event = MakePending("s", "a", 7, {TextPercept("x"), TextPercept("y")});
    event.event.scene = "hall";
    event.event.duration = absl::Seconds(2);
    event.event.position = Position{4, 5, 6};
    AppendOne(*open.log, std::move(event));
    ASSERT_EQ(open.log->AppendIdleCloses({"hall", "yard"}, At(3)).value_or(0), 4u);
  }
  const OpenLog open(dir.path("db"));
  std::vector<LogEntry> entries;
  ASSERT_TRUE(open.log->ScanEntries(1, 10, entries).ok());
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(std::get<BindingConfig>(entries[0].what), config);
  const auto& event = std::get<BindingEvent>(entries[1].what);
  EXPECT_EQ(event.scene, "hall");
  EXPECT_EQ(event.time, At(7));
  EXPECT_EQ(event.duration, absl::Seconds(2));
  EXPECT_EQ(event.position->y, 5);
  EXPECT_EQ(event.percept_count, 2u);
  EXPECT_EQ(std::get<IdleClose>(entries[2].what).scene, "hall");
  EXPECT_EQ(std::get<IdleClose>(entries[3].what).scene, "yard");
  EXPECT_TRUE(absl::IsNotFound(open.log->Get(1, Detail::kHeader).status()));
  entries.clear();
  ASSERT_TRUE(open.log->ScanEntries(2, 1, entries).ok());
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].seq, 2u);
}

TEST(EventLogTest, ScansPerceptsOfWholeEvents) {
  const TempDir dir;
  const OpenLog open(dir.path("db"));
  for (int i = 0; i < 5; ++i) {
    AppendOne(*open.log,
              MakePending("s", std::to_string(i), i,
                          {TextPercept("x"), VectorPercept({1.0f * static_cast<float>(i)})}));
  }
  ASSERT_TRUE(open.log->AppendIdleCloses({""}, At(9)).ok());
  std::vector<StoredPercept> percepts;
  Seq next = 0;
  ASSERT_TRUE(open.log->ScanPercepts(1, 3, percepts, next).ok());
  EXPECT_EQ(percepts.size(), 4u);
  EXPECT_EQ(next, 3u);
  ASSERT_TRUE(open.log->ScanPercepts(next, 100, percepts, next).ok());
  ASSERT_EQ(percepts.size(), 10u);
  EXPECT_EQ(next, 7u);
  EXPECT_EQ(percepts[9].item, ItemId::ForPercept(5, 1));
  EXPECT_EQ(percepts[9].modality.name, "vector");
  EXPECT_EQ(percepts[9].modality.dimension, 1u);
  EXPECT_EQ(percepts[9].features.Values<float>(), std::vector<float>{4});
  ASSERT_TRUE(open.log->ScanPercepts(next, 100, percepts, next).ok());
  EXPECT_EQ(percepts.size(), 10u);
  EXPECT_EQ(next, 7u);
  const auto of_third = open.log->EventPercepts(3);
  ASSERT_TRUE(of_third.ok()) << of_third.status();
  ASSERT_EQ(of_third->size(), 2u);
  EXPECT_EQ((*of_third)[1].features.Values<float>(), std::vector<float>{2});
  EXPECT_TRUE(absl::IsNotFound(open.log->EventPercepts(6).status()));
}

}  // namespace
}  // namespace mixmatch
