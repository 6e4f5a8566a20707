// Work that asks whether anybody still waits for it.
#include "server/current_call.h"

#include <gtest/gtest.h>

#include <thread>

namespace mixmatch {
namespace {

TEST(CurrentCallTest, WorkEndsOnceItsCallerLeftAndNoOther) {
  EXPECT_TRUE(CurrentCall::Check().ok());  // no call: nobody can leave
  bool left = false;
  {
    const CurrentCall call([&left] { return left; });
    EXPECT_TRUE(CurrentCall::Check().ok());
    left = true;
    EXPECT_TRUE(absl::IsCancelled(CurrentCall::Check()));
    {
      const CurrentCall inner([] { return false; });
      EXPECT_TRUE(CurrentCall::Check().ok());
    }
    EXPECT_TRUE(absl::IsCancelled(CurrentCall::Check()));
    std::thread([] { EXPECT_TRUE(CurrentCall::Check().ok()); }).join();
  }
  EXPECT_TRUE(CurrentCall::Check().ok());
}

}  // namespace
}  // namespace mixmatch
