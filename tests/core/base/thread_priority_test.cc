// What a thread is told of itself.
#include "core/base/thread_priority.h"

#include <gtest/gtest.h>
#include <sched.h>

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

}  // namespace
}  // namespace mixmatch
