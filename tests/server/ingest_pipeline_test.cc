// The way to the log: turns between callers, order within one, what is refused and how.
#include "server/ingest_pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "server/retry_delay.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;

class IngestPipelineTest : public ::testing::Test {
 protected:
  IngestPipelineTest() : open_(dir_.path("db")) { config_.threads.sense = 1; }

  // Until End(), which waits for every answer.
  void Begin() {
    pipeline_ = std::make_unique<IngestPipeline>(
        config_,
        IngestPipeline::Parts{
            .log = open_.log.get(), .disk = &disk_, .memory = &memory_, .clock = &clock_},
        [this] { ++writes_; });
  }
  void End() {
    if (!go_on_.HasBeenNotified()) go_on_.Notify();
    pipeline_.reset();
  }

  // From here on the writer waits, until End().
  void HoldWriter() {
    absl::Notification held;
    pipeline_->Submit({.lane = 99, .client = "first"}, TextEvent("first", 0),
                      [this, &held](const AppendResult&) {
                        held.Notify();
                        go_on_.WaitForNotification();
                      });
    held.WaitForNotification();
  }

  static Event TextEvent(const std::string& source, int number, size_t bytes = 100) {
    Event event{.event_id = std::to_string(number),
                .time = absl::FromUnixSeconds(1'700'000'000 + number),
                .source = source};
    event.percepts.push_back({"", TextPayload{.text = std::string(bytes, 'x')}});
    return event;
  }

  // Sends events of one caller, who is called by its lane: a stream's, or each as a call.
  void Send(uint64_t lane, int count, bool urgent = false, size_t bytes = 100) {
    for (int i = 0; i < count; ++i) {
      const Caller caller = CallerOf(lane);
      Event event = TextEvent(caller.client, next_[lane]++, bytes);
      if (urgent) {
        pipeline_->SubmitCall(
            caller, {std::move(event)},
            [this, lane](size_t, const AppendResult& result) { Note(lane, result); });
      } else {
        pipeline_->Submit(caller, std::move(event),
                          [this, lane](const AppendResult& result) { Note(lane, result); });
      }
    }
  }
  static Caller CallerOf(uint64_t lane) {
    return {.lane = lane, .client = "lane-" + std::to_string(lane)};
  }
  void Note(uint64_t lane, const AppendResult& result) {
    const absl::MutexLock lock(&mu_);
    results_[lane].push_back(result);
  }

  std::vector<Seq> Stored(uint64_t lane) {
    const absl::MutexLock lock(&mu_);
    std::vector<Seq> seqs;
    for (const AppendResult& result : results_[lane]) {
      if (result.outcome == AppendOutcome::kStored) seqs.push_back(result.seq);
    }
    return seqs;
  }
  std::vector<absl::Status> Refused(uint64_t lane) {
    const absl::MutexLock lock(&mu_);
    std::vector<absl::Status> errors;
    for (const AppendResult& result : results_[lane]) {
      if (result.outcome == AppendOutcome::kRejected) errors.push_back(result.error);
    }
    return errors;
  }

  const testing::TempDir dir_;
  testing::OpenLog open_;
  const DiskGuard disk_{0, [] { return 0; }};
  const MemoryGuard memory_{0, [] { return 0; }};
  const SystemClock clock_;
  Config config_;
  std::unique_ptr<IngestPipeline> pipeline_;
  absl::Notification go_on_;
  std::atomic<int> writes_ = 0;  // that reached the log
  std::map<uint64_t, int> next_;
  absl::Mutex mu_;
  std::map<uint64_t, std::vector<AppendResult>> results_ ABSL_GUARDED_BY(mu_);
};

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

TEST_F(IngestPipelineTest, WhoseTurnWouldComeLateIsToldBeforeHeSubmits) {
  config_.limits.call_wait = absl::Nanoseconds(1);  // every queue stands
  Begin();
  const Caller caller = CallerOf(1);
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1000).ok()) << "nobody is there";
  HoldWriter();
  Send(1, 10, /*urgent=*/true);
  Send(2, 500);  // a stream's: they do not count
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 10).ok()) << "what is there goes with one write";
  Send(1, 60, /*urgent=*/true);
  const absl::Status late = pipeline_->CheckTurn(caller, 10);
  EXPECT_TRUE(absl::IsResourceExhausted(late)) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("70 events of calls wait"));
  End();
  EXPECT_EQ(Stored(1).size() + Refused(1).size(), 70U);
}

TEST_F(IngestPipelineTest, WhoHasNothingInsideIsNotRefusedForWhatOthersSend) {
  config_.limits.call_wait = absl::Nanoseconds(1);
  Begin();
  HoldWriter();
  Send(1, 100, /*urgent=*/true);
  const Caller quiet = CallerOf(2);
  EXPECT_TRUE(pipeline_->CheckTurn(quiet, 10).ok());
  Send(2, 10, /*urgent=*/true);
  EXPECT_FALSE(pipeline_->CheckTurn(quiet, 10).ok()) << "now some of his wait, too";
  End();
}

TEST_F(IngestPipelineTest, WhoHadHisTurnComesInAgainAfterAWhile) {
  config_.limits.call_wait = absl::Seconds(5);
  config_.limits.backlog_soft_events = 100;
  constexpr uint64_t kMany = 1'000'000;  // more than are stored soon
  Begin();
  Send(1, 150);
  for (int i = 0; i < 2000 && Stored(1).size() < 150; ++i) absl::SleepFor(absl::Milliseconds(5));
  const Caller quiet{.lane = 2, .client = "lane-2"};
  pipeline_->SetFollowed(150, true);
  pipeline_->SetFollowed(0, true);
  ASSERT_FALSE(pipeline_->CheckTurn(quiet, 1).ok());  // from now on more come than can be stored
  pipeline_->SetFollowed(150, true);
  HoldWriter();
  Send(3, 1, /*urgent=*/true);
  EXPECT_TRUE(pipeline_->CheckTurn(quiet, kMany).ok()) << "he had no turn yet";
  EXPECT_FALSE(pipeline_->CheckTurn(quiet, kMany).ok()) << "others are waiting for theirs";
  absl::SleepFor(absl::Milliseconds(1100));
  EXPECT_TRUE(pipeline_->CheckTurn(quiet, kMany).ok());
  End();
}

TEST_F(IngestPipelineTest, ABurstIsLetIn) {
  config_.limits.call_wait = absl::Seconds(60);
  Begin();
  HoldWriter();
  Send(1, 2000);
  EXPECT_TRUE(pipeline_->CheckTurn({.lane = 2, .client = "lane-2"}, 10).ok());
  End();
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

TEST_F(IngestPipelineTest, NoMoreIsTakenInThanCanBeFollowed) {
  config_.limits.backlog_soft_events = 100;
  const Caller caller{.lane = 1, .client = "lane-1"};
  Begin();
  Send(1, 150);
  for (int i = 0; i < 2000 && Stored(1).size() < 150; ++i) absl::SleepFor(absl::Milliseconds(5));
  ASSERT_EQ(Stored(1).size(), 150U);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "nobody knows yet how far following is";
  pipeline_->SetFollowed(0, true);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "what was there at the start holds nobody back";
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok());
  pipeline_->SetFollowed(150, true);
  pipeline_->SetFollowed(51, true);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "99 wait";
  pipeline_->SetFollowed(50, true);
  EXPECT_TRUE(pipeline_->HoldsBack()) << "100 wait";
  const absl::Status refused = pipeline_->CheckTurn(caller, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("100 stored events wait"));
  // Where nothing follows, what comes is stored all the same.
  pipeline_->SetFollowed(50, false);
  EXPECT_FALSE(pipeline_->HoldsBack());
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok());
  pipeline_->SetFollowed(50, true);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "until it has caught up once";
  End();
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

TEST_F(IngestPipelineTest, WhoStreamsMuchDoesNotShutOutCalls) {
  config_.limits.call_wait = absl::Nanoseconds(1);  // every queue stands
  Begin();
  HoldWriter();
  Send(1, 2000);
  const Caller caller{.lane = 2, .client = "lane-2"};
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(pipeline_->CheckTurn(caller, 10).ok()) << "no other call waits";
  }
  End();
}

TEST_F(IngestPipelineTest, CallsStoreNoMoreThanIsFollowedSoon) {
  config_.limits.queue_events = 20'000;
  config_.limits.call_wait = absl::Seconds(60);
  const Caller caller{.lane = 1, .client = "lane-1"};
  Begin();
  Send(1, 8300);
  for (int i = 0; i < 4000 && Stored(1).size() < 8300; ++i) absl::SleepFor(absl::Milliseconds(5));
  ASSERT_EQ(Stored(1).size(), 8300U);
  pipeline_->SetFollowed(0, true);
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok()) << "what was there at the start";
  pipeline_->SetFollowed(8300, true);
  pipeline_->SetFollowed(200, true);
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok()) << "8,100 wait";
  pipeline_->SetFollowed(100, true);
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok()) << "he had no turn yet";
  const absl::Status refused = pipeline_->CheckTurn(caller, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("8200 stored events wait"));
  EXPECT_FALSE(pipeline_->HoldsBack()) << "streams go on";
  End();
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

}  // namespace
}  // namespace mixmatch
