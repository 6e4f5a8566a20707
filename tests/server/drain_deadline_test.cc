// A drain that hangs ends the process; one that is done does not.
#include "server/drain_deadline.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

namespace mixmatch {
namespace {

TEST(DrainDeadlineTest, EndsWhatHangs) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const DrainDeadline deadline(absl::Milliseconds(50));
        std::this_thread::sleep_for(std::chrono::seconds(60));
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(DrainDeadlineTest, LeavesAloneWhatIsDone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        { const DrainDeadline deadline(absl::Milliseconds(200)); }
        std::this_thread::sleep_for(std::chrono::milliseconds(400));
        std::exit(3);
      },
      ::testing::ExitedWithCode(3), "");
}

}  // namespace
}  // namespace mixmatch
