// Who waits how long, and who is refused: turns, patience, rates, memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "absl/time/clock.h"
#include "core/base/status.h"
#include "server/convert.h"
#include "server/fair_queue.h"
#include "server/following_rate.h"
#include "server/memory_guard.h"
#include "server/queue_patience.h"
#include "server/rate_limiter.h"
#include "server/retry_delay.h"
#include "server/serving_time.h"
#include "server/status_details.pb.h"
#include "server/writer_pace.h"

namespace mixmatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<int> PopAll(FairQueue<int>& queue) {
  std::vector<int> order;
  while (const std::optional<int> item = queue.Pop()) order.push_back(*item);
  return order;
}

TEST(FairQueueTest, LanesTakeTurnsAndEachKeepsItsOrder) {
  FairQueue<int> queue(10);
  for (int i = 0; i < 4; ++i) queue.Push(1, 10 + i, 10);
  for (int i = 0; i < 2; ++i) queue.Push(2, 20 + i, 10);
  EXPECT_EQ(queue.size(), 6U);
  EXPECT_THAT(PopAll(queue), ElementsAre(10, 20, 11, 21, 12, 13));
  EXPECT_TRUE(queue.empty());
}

TEST(FairQueueTest, AnExpensiveItemWaitsUntilItsLaneHasSavedForIt) {
  FairQueue<int> queue(10);
  queue.Push(1, 100, 35);
  for (int i = 0; i < 5; ++i) queue.Push(2, i, 10);
  EXPECT_THAT(PopAll(queue), ElementsAre(0, 1, 2, 100, 3, 4));
}

TEST(FairQueueTest, ALaneThatWasAwayHasSavedNothing) {
  FairQueue<int> queue(10);
  queue.Push(1, 1, 1);
  EXPECT_THAT(PopAll(queue), ElementsAre(1));
  for (int i = 0; i < 3; ++i) queue.Push(1, i, 10);
  queue.Push(2, 9, 10);
  EXPECT_THAT(PopAll(queue), ElementsAre(0, 9, 1, 2));
}

TEST(WriterPaceTest, TellsASlowDiskFromMuchWork) {
  WriterPace disk;
  WriterPace work;
  EXPECT_FALSE(disk.is_known());
  for (int i = 0; i < 100; ++i) {
    disk.NoteGroup(10, absl::Milliseconds(50), absl::Milliseconds(1));
    work.NoteGroup(100, absl::Milliseconds(1), absl::Milliseconds(20));
  }
  EXPECT_TRUE(disk.is_known());
  EXPECT_NEAR(static_cast<double>(disk.EventsWithin(absl::Milliseconds(10))), 500, 5);
  EXPECT_NEAR(static_cast<double>(work.EventsWithin(absl::Milliseconds(10))), 50, 1);
  disk.NoteGroup(10, absl::Seconds(5), absl::Milliseconds(1));
  EXPECT_LT(disk.EventsWithin(absl::ZeroDuration()), 600U) << "one that stood for long";
}

TEST(WriterPaceTest, TakesAWriteForWhatItIsWhenNothingDelaysIt) {
  WriterPace pace;
  for (int i = 0; i < 100; ++i) {
    pace.NoteGroup(10, absl::Milliseconds(i % 4 == 0 ? 2 : 8), absl::Milliseconds(1));
  }
  EXPECT_LT(pace.write(), absl::Milliseconds(4));
}

TEST(FollowingRateTest, IsOfTheTimesInWhichThereWasMost) {
  FollowingRate rate;
  absl::Time now = absl::UnixEpoch();
  rate.Note(1000, now);
  EXPECT_EQ(rate.Within(absl::Seconds(1)), 0U);
  rate.Note(1500, now + absl::Milliseconds(100));  // too soon to tell
  EXPECT_EQ(rate.Within(absl::Seconds(1)), 0U);
  now += absl::Seconds(1);
  rate.Note(4000, now);
  EXPECT_EQ(rate.Within(absl::Seconds(2)), 6000U);
  now += absl::Seconds(1);
  rate.Note(4010, now);
  EXPECT_EQ(rate.Within(absl::Seconds(1)), 2700U) << "it is forgotten slowly";
}

TEST(ServingTimeTest, IsWhatPassedSinceTheQueueWasEmptyWithoutWaitsForWhoServesNobody) {
  absl::Time now = absl::UnixEpoch();
  ServingTime serving(absl::Milliseconds(50), now);
  for (int i = 0; i < 10; ++i) {
    now += absl::Milliseconds(20);
    serving.NoteServed(now);
  }
  EXPECT_EQ(serving.time(), absl::Milliseconds(200));
  now += absl::Seconds(3);
  serving.NoteServed(now);
  EXPECT_EQ(serving.time(), absl::Milliseconds(250));
  serving.NoteEmpty(now);
  EXPECT_EQ(serving.time(), absl::ZeroDuration());
}

TEST(QueuePatienceTest, IsLongForABurstAndShortOnceTheQueueStands) {
  absl::Time now = absl::UnixEpoch();
  QueuePatience patience(absl::Seconds(1), now);
  now += absl::Milliseconds(900);
  EXPECT_EQ(patience.Patience(now), absl::Seconds(1));
  now += absl::Milliseconds(200);
  EXPECT_EQ(patience.Patience(now), absl::Milliseconds(5));
  patience.NoteEmpty(now);
  EXPECT_EQ(patience.Patience(now), absl::Seconds(1));
}

TEST(QueuePatienceTest, TellsWorkThatCannotBeDoneFromAWriteThatStandsForAMoment) {
  absl::Time now = absl::UnixEpoch();
  QueuePatience busy(absl::Seconds(1), now);
  QueuePatience standing(absl::Seconds(1), now);
  for (int i = 0; i < 60; ++i) {
    now += absl::Milliseconds(10);
    busy.NoteServed(now);
    EXPECT_EQ(busy.Stands(now), i >= 30) << i;
  }
  standing.NoteServed(now);  // after 600 ms
  EXPECT_FALSE(standing.Stands(now));
  busy.NoteEmpty(now);
  EXPECT_FALSE(busy.Stands(now));
  now += absl::Milliseconds(10);
  busy.NoteServed(now);
  EXPECT_FALSE(busy.Stands(now)) << "what was served before it was empty counts no more";
}

TEST(QueuePatienceTest, ForgetsARefusalSlowly) {
  absl::Time now = absl::UnixEpoch();
  QueuePatience patience(absl::Seconds(1), now);
  patience.NoteRefused(now);
  now += absl::Seconds(4);
  patience.NoteEmpty(now);
  EXPECT_FALSE(patience.Stands(now));
  EXPECT_EQ(patience.Patience(now), absl::Milliseconds(100));
  now += absl::Minutes(1);
  patience.NoteEmpty(now);
  EXPECT_EQ(patience.Patience(now), absl::Seconds(1));
}

// After overload short bursts come: each is cut short for a while, and that ends though they go on.
TEST(QueuePatienceTest, BurstsDoNotKeepARefusalInMind) {
  absl::Time now = absl::UnixEpoch();
  QueuePatience patience(absl::Milliseconds(500), now);
  patience.NoteRefused(now);
  int late = 0;
  for (int second = 1; second <= 30; ++second) {
    now += absl::Seconds(1);
    patience.NoteEmpty(now);
    // A burst of which the last one waits for 80 ms.
    if (absl::Milliseconds(80) <= patience.Patience(now + absl::Milliseconds(80))) continue;
    patience.NoteLate(now + absl::Milliseconds(80));
    ++late;
  }
  EXPECT_EQ(late, 3);
}

TEST(QueuePatienceTest, StaysShortWhileSomeoneIsRefusedThoughTheQueueRunsEmpty) {
  absl::Time now = absl::UnixEpoch();
  QueuePatience patience(absl::Seconds(1), now);
  patience.NoteRefused(now);
  now += absl::Milliseconds(900);
  patience.NoteEmpty(now);
  EXPECT_TRUE(patience.Stands(now));
  EXPECT_EQ(patience.Patience(now), absl::Milliseconds(5));
  now += absl::Milliseconds(100);
  EXPECT_FALSE(patience.Stands(now));
  EXPECT_GT(patience.Patience(now), absl::Milliseconds(20));
}

TEST(RateLimiterTest, TakesUntilTheBucketIsEmptyAndSaysWhenItIsNot) {
  RateLimiter limiter({.events_per_second = 10});
  absl::Time now = absl::UnixEpoch();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(limiter.Take("a", 1, now).ok()) << i;
  const absl::Status refused = limiter.Take("a", 1, now);
  EXPECT_TRUE(absl::IsResourceExhausted(refused));
  EXPECT_EQ(RetryDelayOf(refused), absl::Milliseconds(100));
  EXPECT_TRUE(limiter.Take("b", 1, now).ok()) << "another client has another bucket";
  now += absl::Milliseconds(100);
  EXPECT_TRUE(limiter.Take("a", 1, now).ok());
  EXPECT_FALSE(limiter.Take("a", 1, now).ok());
}

TEST(RateLimiterTest, BytesAreCountedAndAnEventLargerThanTheBucketPassesOnceItIsFull) {
  RateLimiter limiter({.bytes_per_second = 1000});
  absl::Time now = absl::UnixEpoch();
  EXPECT_TRUE(limiter.Take("a", 5000, now).ok());
  const absl::Status refused = limiter.Take("a", 1, now);
  EXPECT_EQ(RetryDelayOf(refused), absl::Milliseconds(3001));
  now += absl::Milliseconds(3001);
  EXPECT_TRUE(limiter.Take("a", 1, now).ok());
}

TEST(RateLimiterTest, WithoutRatesEverythingPasses) {
  RateLimiter limiter({});
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(limiter.Take("a", 1 << 20, absl::UnixEpoch()).ok());
}

TEST(MemoryGuardTest, RefusesToStoreNearTheBudgetAndCallsAtIt) {
  std::atomic<uint64_t> resident{500ULL << 20};
  const MemoryGuard guard(
      1000ULL << 20, [&resident] { return resident.load(); }, absl::Milliseconds(2));
  EXPECT_TRUE(guard.CheckStore("event not stored").ok());
  resident = 950ULL << 20;
  for (int i = 0; i < 5000 && guard.CheckStore("").ok(); ++i) absl::SleepFor(absl::Milliseconds(2));
  const absl::Status full = guard.CheckStore("event not stored");
  EXPECT_TRUE(absl::IsResourceExhausted(full));
  EXPECT_THAT(std::string(full.message()), HasSubstr("event not stored: 950 MiB of memory"));
  EXPECT_TRUE(guard.CheckCall().ok());
  resident = 1001ULL << 20;
  for (int i = 0; i < 5000 && guard.CheckCall().ok(); ++i) absl::SleepFor(absl::Milliseconds(2));
  EXPECT_TRUE(absl::IsResourceExhausted(guard.CheckCall()));
  resident = 100ULL << 20;
  for (int i = 0; i < 5000 && !guard.CheckStore("").ok(); ++i) {
    absl::SleepFor(absl::Milliseconds(2));
  }
  EXPECT_TRUE(guard.CheckCall().ok());
}

TEST(MemoryGuardTest, WithoutABudgetOrAMeasurementNothingIsRefused) {
  EXPECT_TRUE(MemoryGuard(0, [] { return UINT64_MAX; }).CheckStore("x").ok());
  EXPECT_TRUE(MemoryGuard(1, [] { return std::nullopt; }).CheckCall().ok());
}

TEST(MemoryGuardTest, MeasuresThisProcessAndItsLimit) {
  EXPECT_GT(ResidentBytes().value_or(0), 1U << 20);
  EXPECT_GT(MemoryLimitBytes().value_or(0), ResidentBytes().value_or(0));
  EXPECT_EQ(MemoryBudget(7), 7U);
  EXPECT_EQ(MemoryBudget(0), *MemoryLimitBytes() / 4 * 3);
}

TEST(QueuePatienceTest, ALongerBurstPassesWhereItIsSaidThatItMay) {
  absl::Time now = absl::UnixEpoch();
  QueuePatience patience(absl::Seconds(1), now, 0.6);
  for (int i = 0; i < 70; ++i) {
    now += absl::Milliseconds(10);
    patience.NoteServed(now);
    EXPECT_EQ(patience.Stands(now), i >= 60) << i;
  }
}

TEST(StatusDetailsTest, ARefusalSaysWhenToComeAgainInTheUsualForm) {
  const grpc::Status status =
      ToGrpc(WithRetryDelay(absl::ResourceExhaustedError("full"), absl::Milliseconds(1500)));
  rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), 8);
  EXPECT_EQ(details.message(), "full");
  ASSERT_EQ(details.details_size(), 1);
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.RetryInfo");
  rpc::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(details.details(0).value()));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
  EXPECT_EQ(ToGrpc(absl::NotFoundError("x")).error_details(), "");
}

TEST(StatusDetailsTest, AFieldAtFaultIsNamed) {
  rpc::Status details;
  ASSERT_TRUE(
      details.ParseFromString(ToGrpc(InvalidField("k", "must be more than 0")).error_details()));
  EXPECT_EQ(details.details(0).type_url(), "type.googleapis.com/google.rpc.BadRequest");
  rpc::BadRequest bad;
  ASSERT_TRUE(bad.ParseFromString(details.details(0).value()));
  EXPECT_EQ(bad.field_violations(0).field(), "k");
  EXPECT_EQ(bad.field_violations(0).description(), "must be more than 0");
}

}  // namespace
}  // namespace mixmatch
