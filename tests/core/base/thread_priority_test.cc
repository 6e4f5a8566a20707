// What a thread is told of itself, and what it takes.
#include "core/base/thread_priority.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <thread>

namespace mixmatch {
namespace {

TEST(UsableCoresTest, AreThoseThatTheThreadMayRunOn) {
  // On a thread of its own: the others keep theirs.
  std::thread([] {
    cpu_set_t all;
    ASSERT_EQ(sched_getaffinity(0, sizeof(all), &all), 0);
    EXPECT_EQ(UsableCores(), static_cast<size_t>(CPU_COUNT(&all)));
    size_t first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    EXPECT_EQ(UsableCores(), 1U);
  }).join();
}

// Nanoseconds of a turn of the calling thread, as sched_getattr(2) has them.
uint64_t TurnNs() {
  struct {
    uint32_t size = sizeof(*this);
    uint32_t policy = 0;
    uint64_t flags = 0;
    uint64_t nice_and_priority = 0;
    uint64_t runtime_ns = 0;
    uint64_t deadline_ns = 0;
    uint64_t period_ns = 0;
  } attributes;
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0), 0);
  return attributes.runtime_ns;
}

bool KernelHasTurns() {
  utsname system = {};
  int version = 0;
  int patch = 0;
  return uname(&system) == 0 && std::sscanf(system.release, "%d.%d", &version, &patch) == 2 &&
         (version > 6 || (version == 6 && patch >= 12));
}

TEST(TakeShortTurnsTest, WhoIsStartedHasThemUnlessHeIsPutBehind) {
  if (!KernelHasTurns()) GTEST_SKIP() << "the kernel knows of no turns' length";
  std::thread([] {
    const uint64_t usual = TurnNs();
    TakeShortTurns();
    EXPECT_EQ(TurnNs(), 100'000U);
    std::thread([usual] {
      EXPECT_EQ(TurnNs(), 100'000U);
      ASSERT_TRUE(SetThreadPriority(ThisThread(), ThreadPriority::kLowest));
      EXPECT_EQ(TurnNs(), usual);
    }).join();
    EXPECT_EQ(TurnNs(), 100'000U);
  }).join();
}

}  // namespace
}  // namespace mixmatch
