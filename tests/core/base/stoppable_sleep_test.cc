// Sleeps end in time, and at once where they are stopped.
#include "core/base/stoppable_sleep.h"

#include <gtest/gtest.h>

#include <thread>

#include "core/base/steady_now.h"

namespace mixmatch {
namespace {

TEST(StoppableSleepTest, LastsAsLongAsItShould) {
  StoppableSleep sleep;
  const absl::Time begun = SteadyNow();
  EXPECT_FALSE(sleep.For(absl::Milliseconds(30)));
  EXPECT_GE(SteadyNow() - begun, absl::Milliseconds(30));
  EXPECT_FALSE(sleep.For(absl::ZeroDuration()));
}

TEST(StoppableSleepTest, EndsWhenItIsStopped) {
  StoppableSleep sleep;
  std::thread sleeper([&] { EXPECT_TRUE(sleep.For(absl::InfiniteDuration())); });
  sleep.Stop();
  sleeper.join();
  EXPECT_TRUE(sleep.For(absl::Hours(1))) << "from then on";
}

TEST(StoppableSleepTest, EndsOnceWhenItIsWoken) {
  StoppableSleep sleep;
  std::thread sleeper([&] { EXPECT_FALSE(sleep.For(absl::Hours(1))); });
  sleep.Wake();
  sleeper.join();
  const absl::Time begun = SteadyNow();
  EXPECT_FALSE(sleep.For(absl::Milliseconds(30)));
  EXPECT_GE(SteadyNow() - begun, absl::Milliseconds(30)) << "that wake was used up";
  sleep.Wake();
  EXPECT_FALSE(sleep.For(absl::Hours(1))) << "who was woken before does not sleep";
}

}  // namespace
}  // namespace mixmatch
