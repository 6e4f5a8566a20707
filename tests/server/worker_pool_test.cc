// Who waits for a thread of the pool, in which order they get one, and who is refused.
#include "server/worker_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"

namespace mixmatch {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(WorkerPoolTest, WorkThatWaitedTooLongIsToldSo) {
  absl::Notification begun;
  absl::Notification go_on;
  std::atomic<int> done = 0;
  std::atomic<int> late = 0;
  {
    WorkerPool pool({.threads = 1, .queue_max = 2, .patience = absl::Milliseconds(20)});
    ASSERT_TRUE(pool.Submit([&](bool) {
                      begun.Notify();
                      go_on.WaitForNotification();
                    })
                    .ok());
    begun.WaitForNotification();
    const auto count = [&](bool ok) { ++(ok ? done : late); };
    EXPECT_TRUE(pool.Submit(count).ok());
    EXPECT_TRUE(pool.Submit(count).ok());
    EXPECT_TRUE(absl::IsResourceExhausted(pool.Submit(count)));
    absl::SleepFor(absl::Milliseconds(20));
    go_on.Notify();
  }
  EXPECT_EQ(done, 0);
  EXPECT_EQ(late, 2);
}

TEST(WorkerPoolTest, TheNewestGoesFirstOnceSomeoneWasRefused) {
  constexpr absl::Duration kPatience = absl::Seconds(4);
  absl::Notification begun;
  absl::Notification go_on;
  std::vector<std::pair<int, bool>> order;  // by the pool's one thread
  {
    WorkerPool pool({.threads = 1, .queue_max = 10, .patience = kPatience});
    ASSERT_TRUE(pool.Submit([&](bool) {
                      begun.Notify();
                      go_on.WaitForNotification();
                    })
                    .ok());
    begun.WaitForNotification();
    const auto submit = [&](int number) {
      EXPECT_TRUE(pool.Submit([&order, number](bool ok) { order.emplace_back(number, ok); }).ok());
    };
    submit(1);
    absl::SleepFor(kPatience + absl::Milliseconds(20));
    for (const int number : {2, 3, 4}) submit(number);
    go_on.Notify();
  }
  EXPECT_THAT(order, ElementsAre(Pair(1, false), Pair(4, true), Pair(3, true), Pair(2, true)));
}

// After a burst in which someone was refused little comes: what waits then is not refused for that.
TEST(WorkerPoolTest, ForgetsARefusalWhereSeldomSomeoneWaits) {
  constexpr absl::Duration kPatience = absl::Seconds(4);
  std::atomic<int> done = 0;
  std::atomic<int> late = 0;
  {
    WorkerPool pool({.threads = 1, .queue_max = 10, .patience = kPatience});
    // Holds up the pool's thread while somebody waits.
    const auto wait_for = [&](absl::Duration time) {
      absl::Notification begun;
      absl::Notification go_on;
      absl::Notification over;
      ASSERT_TRUE(pool.Submit([&](bool) {
                        begun.Notify();
                        go_on.WaitForNotification();
                      })
                      .ok());
      begun.WaitForNotification();
      ASSERT_TRUE(pool.Submit([&](bool ok) {
                        ++(ok ? done : late);
                        over.Notify();
                      })
                      .ok());
      absl::SleepFor(time);
      go_on.Notify();
      over.WaitForNotification();
    };
    wait_for(kPatience + absl::Milliseconds(20));
    EXPECT_EQ(late, 1);
    absl::SleepFor(absl::Seconds(5));  // of the last two seconds, a third for each two more
    wait_for(absl::Milliseconds(300));
  }
  EXPECT_EQ(done, 1);
  EXPECT_EQ(late, 1);
}

TEST(WorkerPoolTest, ForgetsNoRefusalWhileMoreComesThanCanBeDone) {
  constexpr absl::Duration kPatience = absl::Seconds(4);
  constexpr absl::Duration kWork = absl::Milliseconds(20);
  std::atomic<int> late = 0;
  {
    WorkerPool pool({.threads = 2, .queue_max = 1000, .patience = kPatience});
    absl::Notification go_on;
    for (int i = 0; i < 3; ++i) {  // both threads are held up, and one waits for too long
      ASSERT_TRUE(pool.Submit([&](bool ok) {
                        if (ok) go_on.WaitForNotification();
                        if (!ok) ++late;
                      })
                      .ok());
    }
    absl::SleepFor(kPatience + absl::Milliseconds(20));
    go_on.Notify();
    while (late == 0) absl::SleepFor(absl::Milliseconds(1));
    for (int i = 0; i < 200; ++i) {  // one and a half times as much as can be done
      ASSERT_TRUE(pool.Submit([&](bool ok) {
                        if (ok) absl::SleepFor(kWork);
                        if (!ok) ++late;
                      })
                      .ok());
      absl::SleepFor(kWork / 3);
    }
  }
  EXPECT_GT(late, 10) << "had it been forgotten, nobody would wait for 4 s";
}

TEST(WorkerPoolTest, AsksBeforeItTakesWorkIn) {
  WorkerPool pool(
      {.queue_max = 1, .admit = [] { return absl::ResourceExhaustedError("no memory"); }});
  EXPECT_EQ(pool.Submit([](bool) {}).message(), "no memory");
}

}  // namespace
}  // namespace mixmatch
