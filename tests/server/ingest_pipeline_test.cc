// The way to the log: turns between callers, order within one, what is refused and how.
#include "server/ingest_pipeline.h"

#include "ingest_testing.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;

TEST_F(IngestPipelineTest, ALaneKeepsItsOrderAndOthersGetTheirTurn) {
  Begin();
  HoldWriter();
  Send(1, 4000);
  Send(2, 20);
  End();
  const std::vector<Seq> busy = Stored(1);
  const std::vector<Seq> quiet = Stored(2);
  ASSERT_EQ(busy.size(), 4000U);
  ASSERT_EQ(quiet.size(), 20U);
  EXPECT_TRUE(std::is_sorted(busy.begin(), busy.end()));
  EXPECT_TRUE(std::is_sorted(quiet.begin(), quiet.end()));
  // Ahead of them: the first, what was let in before they came, and some events for each turn.
  EXPECT_LE(quiet.back(), 150U);
}

TEST_F(IngestPipelineTest, TheEventsOfACallAreOneWrite) {
  Begin();
  std::vector<Event> events;
  for (int i = 0; i < 50; ++i) events.push_back(TextEvent("lane-1", i));
  std::set<size_t> answered;  // by the writer's thread
  pipeline_->SubmitCall(CallerOf(1), std::move(events),
                        [&answered](size_t index, const AppendResult& result) {
                          EXPECT_EQ(result.seq, index + 1);
                          answered.insert(index);
                        });
  End();
  EXPECT_EQ(answered.size(), 50U);
  EXPECT_EQ(writes_, 1);
}

TEST_F(IngestPipelineTest, ACallHasNoMoreThanItsShare) {
  config_.limits.queue_events = 200;
  Begin();
  HoldWriter();
  std::vector<Event> events;
  for (int i = 0; i < 190; ++i) events.push_back(TextEvent("lane-1", i));
  int stored = 0;  // by the writer's thread
  pipeline_->SubmitCall(CallerOf(1), std::move(events),
                        [&stored](size_t, const AppendResult& result) {
                          if (result.outcome == AppendOutcome::kStored) ++stored;
                        });
  Send(2, 30);
  End();
  EXPECT_EQ(Stored(2).size(), 30U) << "there was room for him";
  EXPECT_GE(stored, 100);
  EXPECT_LE(stored, 101);
}

TEST_F(IngestPipelineTest, OnceTheQueueIsHalfFullNobodyHasMoreThanHisShare) {
  config_.limits.queue_events = 200;
  Begin();
  HoldWriter();
  Send(1, 3000);
  Send(2, 30);
  End();
  EXPECT_EQ(Stored(2).size(), 30U) << "there was room for him";
  const std::vector<absl::Status> refused = Refused(1);
  ASSERT_GT(refused.size(), 2800U);
  EXPECT_TRUE(absl::IsResourceExhausted(refused[0])) << refused[0];
  EXPECT_EQ(Stored(1).size() + refused.size(), 3000U);
}

TEST_F(IngestPipelineTest, WhoSendsMuchAtOnceLeavesRoomForOthers) {
  constexpr size_t kLarge = 60'000;
  config_.limits.queue_bytes = 40 << 20;
  Begin();
  HoldWriter();
  Send(1, 1000, false, kLarge);  // more than fits
  Send(2, 20, false, kLarge);
  End();
  EXPECT_EQ(Stored(2).size(), 20U);
  EXPECT_GT(Refused(1).size(), 300U);
}

TEST_F(IngestPipelineTest, OneEventMayBeLargerThanAShare) {
  config_.limits.queue_bytes = 1 << 20;
  Begin();
  HoldWriter();
  for (uint64_t lane = 100; lane < 140; ++lane) Send(lane, 1, false, 15'000);
  Send(2, 2, false, 60'000);
  End();
  EXPECT_EQ(Stored(2).size(), 1U) << "there was room, and he had nothing inside";
  EXPECT_EQ(Refused(2).size(), 1U);
}

TEST_F(IngestPipelineTest, WhoIsAboveHisRateIsToldWhenToComeAgain) {
  config_.limits.client_events_per_second = 10;
  Begin();
  Send(1, 30);
  Send(2, 10);
  End();
  EXPECT_GE(Stored(1).size(), 20U);
  EXPECT_EQ(Stored(2).size(), 10U);
  const std::vector<absl::Status> refused = Refused(1);
  ASSERT_GT(refused.size(), 0U);
  EXPECT_THAT(std::string(refused[0].message()), HasSubstr("10 events"));
  EXPECT_LE(RetryDelayOf(refused[0]), absl::Milliseconds(100));
}

TEST_F(IngestPipelineTest, AnUrgentEventIsRefusedRatherThanLate) {
  config_.limits.call_wait = absl::Nanoseconds(1);
  Begin();
  HoldWriter();
  Send(1, 2000);
  Send(2, 50, /*urgent=*/true);
  End();
  EXPECT_EQ(Stored(1).size(), 2000U) << "a stream waits";
  const std::vector<absl::Status> refused = Refused(2);
  ASSERT_GT(refused.size(), 0U);
  EXPECT_THAT(std::string(refused[0].message()), HasSubstr("waited too long"));
  EXPECT_EQ(Stored(2).size() + refused.size(), 50U);
}

TEST_F(IngestPipelineTest, ALargeCallAfterAQuietTimeIsNoStandingQueue) {
  config_.limits.call_wait = absl::Seconds(2);
  Begin();
  absl::SleepFor(absl::Milliseconds(2100));
  std::vector<Event> events;
  for (int i = 0; i < 300; ++i) events.push_back(TextEvent("lane-1", i));
  std::atomic<int> refused = 0;
  pipeline_->SubmitCall(CallerOf(1), std::move(events),
                        [&refused](size_t index, const AppendResult& result) {
                          // The first write is slower than the patience of a standing queue.
                          if (index < 3) absl::SleepFor(absl::Milliseconds(25));
                          if (!result.error.ok()) ++refused;
                        });
  End();
  EXPECT_EQ(refused, 0);
}

TEST_F(IngestPipelineTest, ACallDoesNotWaitForATurnOfEachStream) {
  config_.limits.call_wait = absl::Seconds(60);
  Begin();
  HoldWriter();
  for (uint64_t lane = 100; lane < 180; ++lane) Send(lane, 20);
  Send(2, 1, /*urgent=*/true);
  End();
  ASSERT_EQ(Stored(2).size(), 1U);
  EXPECT_LE(Stored(2)[0], 80U) << "what was let in before, and hardly more";
  EXPECT_EQ(Stored(179).size(), 20U);
}

TEST_F(IngestPipelineTest, StreamsGoOnBesideCalls) {
  config_.limits.call_wait = absl::Seconds(60);
  Begin();
  HoldWriter();
  Send(1, 100, /*urgent=*/true);
  Send(2, 500, /*urgent=*/true);
  Send(3, 100);
  End();
  ASSERT_EQ(Stored(3).size(), 100U);
  EXPECT_LE(Stored(3).back(), 350U) << "each kind has half";
}

TEST_F(IngestPipelineTest, ASceneThatFellSilentIsWrittenBehindWhatWasSentBefore) {
  Begin();
  HoldWriter();
  Send(1, 500);
  pipeline_->SubmitIdleClose("hall");
  Send(1, 500);
  End();
  ASSERT_EQ(Stored(1).size(), 1000U);
  // 1,002 entries, of which one is no event's.
  Seq silent = 0;
  for (Seq seq = 1; seq <= 1002 && silent == 0; ++seq) {
    if (absl::IsNotFound(open_.log->Get(seq, Detail::kHeader).status())) silent = seq;
  }
  EXPECT_GT(silent, 501U);
}

TEST_F(IngestPipelineTest, NobodyWaitsForIdleRecords) {
  Begin();
  HoldWriter();
  pipeline_->SubmitIdleClose("hall");
  Seq stored = 0;  // by the writer's thread
  Seq last = 0;
  pipeline_->Submit(CallerOf(1), TextEvent("lane-1", 1), [&](const AppendResult& result) {
    stored = result.seq;
    last = open_.log->last_seq();
  });
  End();
  EXPECT_EQ(stored, 2U);
  EXPECT_EQ(last, 2U) << "the idle record comes behind the answer";
  EXPECT_EQ(open_.log->last_seq(), 3U);
}

TEST_F(IngestPipelineTest, ScenesThatFellSilentTogetherAreAllWritten) {
  Begin();
  HoldWriter();
  for (int i = 0; i < 50; ++i) pipeline_->SubmitIdleClose("hall-" + std::to_string(i));
  End();
  EXPECT_EQ(open_.log->last_seq(), 51U);
  std::vector<LogEntry> entries;
  ASSERT_TRUE(open_.log->ScanEntries(2, 100, entries).ok());
  ASSERT_EQ(entries.size(), 50U);
  for (size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(std::get<IdleClose>(entries[i].what).scene, "hall-" + std::to_string(i));
  }
}

}  // namespace
}  // namespace mixmatch
