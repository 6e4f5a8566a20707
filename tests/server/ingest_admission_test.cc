// Who may come in where more comes than can be stored or followed.
#include "ingest_testing.h"
#include "server/busy_share.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;

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
  Store(1, 150);
  const Caller quiet{.lane = 2, .client = "lane-2"};
  FallBehindForAMoment();
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

TEST_F(IngestPipelineTest, NoMoreIsTakenInThanCanBeFollowed) {
  config_.limits.backlog_soft_events = 100;
  const Caller caller{.lane = 1, .client = "lane-1"};
  Begin();
  Store(1, 150);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "nobody knows yet how far following is";
  pipeline_->SetFollowed(0, true);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "what was there at the start holds nobody back";
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok());
  pipeline_->SetFollowed(150, true);
  pipeline_->SetFollowed(51, true);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "99 wait";
  pipeline_->SetFollowed(50, true);
  EXPECT_TRUE(pipeline_->HoldsBack()) << "100 wait";
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok()) << "he had no turn yet";
  const absl::Status refused = pipeline_->CheckTurn(caller, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("100 stored events wait"));
  pipeline_->SetFollowed(50, false);
  EXPECT_TRUE(pipeline_->HoldsBack()) << "it failed once";
  // Where nothing follows, what comes is stored all the same.
  absl::SleepFor(absl::Milliseconds(2100));
  pipeline_->SetFollowed(50, false);
  EXPECT_FALSE(pipeline_->HoldsBack());
  EXPECT_TRUE(pipeline_->CheckTurn(caller, 1).ok());
  pipeline_->SetFollowed(50, true);
  EXPECT_FALSE(pipeline_->HoldsBack()) << "until it has caught up once";
  End();
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

TEST_F(IngestPipelineTest, BeyondWhatStreamsAreHeldBackByNobodyHasATurn) {
  config_.limits.backlog_soft_events = 100;
  config_.limits.queue_events = 200;
  Begin();
  for (int i = 0; i < 3; ++i) Store(1, 100);
  pipeline_->SetFollowed(300, true);
  pipeline_->SetFollowed(1, true);
  EXPECT_TRUE(pipeline_->CheckTurn(CallerOf(2), 1).ok()) << "299 wait";
  pipeline_->SetFollowed(0, true);
  EXPECT_FALSE(pipeline_->CheckTurn(CallerOf(3), 1).ok()) << "300 wait";
  End();
}

TEST_F(IngestPipelineTest, RefusalsBesideAnIdleWriterKeepNobodyOut) {
  config_.limits.call_wait = absl::Milliseconds(200);
  config_.limits.backlog_soft_events = 100;
  constexpr uint64_t kMany = 1'000'000;  // more than are stored soon
  Begin();
  Store(1, 150);
  absl::SleepFor(absl::Seconds(1));
  FallBehindForAMoment();
  HoldWriter();
  Send(3, 1, /*urgent=*/true);
  // He has something inside, and asks for more than fits.
  for (int i = 0; i < 30; ++i) {
    (void)pipeline_->CheckTurn(CallerOf(3), kMany);
    absl::SleepFor(absl::Milliseconds(20));
  }
  EXPECT_TRUE(pipeline_->CheckTurn(CallerOf(3), kMany).ok());
  End();
}

TEST(BusyShareTest, IsThePartOfTheLastMomentsAtWork) {
  BusyShare share;
  absl::Time now = absl::UnixEpoch();
  EXPECT_EQ(share.At(now), 0);
  const auto work = [&](int busy_ms, int idle_ms) {
    share.NoteWork(now, now + absl::Milliseconds(busy_ms));
    now += absl::Milliseconds(busy_ms + idle_ms);
  };
  for (int i = 0; i < 500; ++i) work(3, 1);
  EXPECT_NEAR(share.At(now), 0.75, 0.01);
  for (int i = 0; i < 500; ++i) work(1, 9);
  EXPECT_NEAR(share.At(now), 0.1, 0.03);
  work(2000, 0);
  EXPECT_GT(share.At(now), 0.99);
  EXPECT_LT(share.At(now + absl::Seconds(1)), 0.02);
}

TEST_F(IngestPipelineTest, WhoWasBehindAMomentAgoIsNotLetInWithABurst) {
  config_.limits.call_wait = absl::Seconds(60);
  config_.limits.backlog_soft_events = 100;
  // Within a fourth of what a call waits they would be stored, not within an eight hundredth.
  constexpr uint64_t kBurst = 100'000;
  Begin();
  Store(1, 150);
  FallBehindForAMoment();
  HoldWriter();
  Send(3, 1, /*urgent=*/true);
  EXPECT_FALSE(pipeline_->CheckTurn(CallerOf(9), kBurst).ok());
  EXPECT_TRUE(pipeline_->CheckTurn(CallerOf(9), 10).ok());
  End();
}

// Some twenty calls are inside at any moment, each of which takes the writer a millisecond: too few
// for a queue in front of it, and each waits for all others.
TEST_F(IngestPipelineTest, ABurstThatGoesOnIsCutShortForWhoSendsIt) {
  Begin();
  const Caller many = CallerOf(1);
  std::atomic<int> inside = 0;
  std::atomic<int> refused = 0;
  int number = 0;
  const absl::Time begun = absl::Now();
  while (absl::Now() - begun < absl::Milliseconds(600)) {
    if (inside >= 20) {
      absl::SleepFor(absl::Microseconds(100));
      continue;
    }
    if (!pipeline_->CheckTurn(many, 1).ok()) {
      if (++refused > 3) break;
      absl::SleepFor(absl::Milliseconds(1));
      continue;
    }
    ++inside;
    pipeline_->SubmitCall(many, {TextEvent("many", number++)},
                          [&inside](size_t, const AppendResult&) {
                            absl::SleepFor(absl::Milliseconds(1));
                            --inside;
                          });
  }
  EXPECT_GT(refused, 3);
  EXPECT_GT(absl::Now() - begun, absl::Milliseconds(90)) << "at first it is a burst";
  EXPECT_TRUE(pipeline_->CheckTurn(CallerOf(2), 1).ok()) << "he has nothing inside";
  End();
}

TEST_F(IngestPipelineTest, WhatCallsHaveInsideIsToBeFollowedToo) {
  config_.limits.queue_events = 20'000;
  config_.limits.call_wait = absl::Seconds(60);
  Begin();
  Store(1, 8300);
  pipeline_->SetFollowed(8300, true);
  pipeline_->SetFollowed(200, true);
  HoldWriter();
  Send(2, 80, /*urgent=*/true);
  EXPECT_TRUE(pipeline_->CheckTurn(CallerOf(3), 1).ok()) << "8,181 wait or are about to";
  EXPECT_TRUE(pipeline_->CheckTurn(CallerOf(3), 1).ok()) << "still";
  Send(2, 20, /*urgent=*/true);
  EXPECT_TRUE(pipeline_->CheckTurn(CallerOf(3), 1).ok()) << "he had no turn yet";
  EXPECT_FALSE(pipeline_->CheckTurn(CallerOf(3), 1).ok()) << "8,201";
  End();
}

TEST_F(IngestPipelineTest, CallsStoreNoMoreThanIsFollowedSoon) {
  config_.limits.queue_events = 20'000;
  config_.limits.call_wait = absl::Seconds(60);
  const Caller caller{.lane = 1, .client = "lane-1"};
  Begin();
  Store(1, 8300);
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

}  // namespace
}  // namespace mixmatch
