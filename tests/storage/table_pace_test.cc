// Threads that write tables take turns, and each of them goes on.
#include "storage/table_pace.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "storage/database_options.h"

namespace mixmatch {
namespace {

TEST(TablePaceTest, ThreadsShareTheRateAndAllGoOn) {
  TablePace pace(16 << 20);
  const absl::Time begin = absl::Now();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&pace, i] {
      const auto priority = i % 2 == 0 ? rocksdb::Env::IO_HIGH : rocksdb::Env::IO_LOW;
      for (int left = 1 << 20; left > 0;) {
        left -= static_cast<int>(pace.RequestToken(static_cast<size_t>(left), 0, priority, nullptr,
                                                   rocksdb::RateLimiter::OpType::kWrite));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pace.GetTotalBytesThrough(rocksdb::Env::IO_TOTAL), 4 << 20);
  // All but the last portion of what a quarter of a second allows.
  EXPECT_GT(absl::Now() - begin, absl::Milliseconds(200));
}

TEST(TablePaceTest, TablesOfADatabaseAreWrittenInPortionsOfMilliseconds) {
  const RocksOptions options({});
  const auto limiter = options.Database().rate_limiter;
  ASSERT_NE(limiter, nullptr);
  EXPECT_LT(static_cast<double>(limiter->GetSingleBurstBytes()) /
                static_cast<double>(limiter->GetBytesPerSecond()),
            0.005);
}

}  // namespace
}  // namespace mixmatch
