// Whose priority writes have, and that they take turns.
#include "storage/background_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/base/thread_priority.h"

namespace mixmatch {
namespace {

TEST(BackgroundWriterTest, WritesOnAThreadThatIsNotBehind) {
  BackgroundWriter writer("write");
  bool behind = true;
  bool behind_there = true;
  std::thread([&] {
    ASSERT_TRUE(SetThreadPriority(ThisThread(), ThreadPriority::kLowest));
    behind = IsBehind();
    writer.Do([&] { behind_there = IsBehind(); });
  }).join();
  EXPECT_TRUE(behind);
  EXPECT_FALSE(behind_there);
  EXPECT_FALSE(IsBehind());
}

TEST(BackgroundWriterTest, DoesOneWriteAtATimeAndEveryOneBeforeItsCallReturns) {
  constexpr int kThreads = 4;
  constexpr int kWrites = 200;
  BackgroundWriter writer("write");
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  int written = 0;  // by one thread at a time, as is checked
  std::atomic<int> unseen{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kWrites; ++i) {
        bool done = false;
        writer.Do([&] {
          most = std::max<int>(most, ++at_once);
          ++written;
          done = true;
          --at_once;
        });
        unseen += done ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(written, kThreads * kWrites);
  EXPECT_EQ(most, 1);
  EXPECT_EQ(unseen, 0);
}

}  // namespace
}  // namespace mixmatch
