// What answers leave out, and until when a start is not caught up.
#include "server/pending.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mixmatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Reached ReachedOf(Seq embedded, uint64_t embedded_episodes, Seq bound, uint64_t closed,
                  Seq durable) {
  return {.embedded = {.next_seq = embedded + 1, .next_closed = embedded_episodes},
          .next_bound = bound + 1,
          .closed = closed,
          .durable = durable};
}

TEST(PendingTest, IsWhatIsStoredAndNeitherEmbeddedNorBound) {
  EXPECT_EQ(PendingOf(ReachedOf(0, 0, 0, 0, 0)), Pending());
  EXPECT_FALSE(PendingOf(ReachedOf(90, 20, 90, 20, 90)).any());
  EXPECT_EQ(PendingOf(ReachedOf(70, 13, 80, 20, 90)),
            (Pending{.events = 20, .unbound_events = 10, .episodes = 7}));
  // Read one after the other, what is read later may be ahead.
  EXPECT_EQ(PendingOf(ReachedOf(92, 21, 91, 20, 90)), Pending());
}

TEST(CatchUpTest, IsDoneAtOnceWhereNothingIsMissing) {
  CatchUp catch_up(90, absl::OkStatus());
  EXPECT_TRUE(catch_up.Check(ReachedOf(90, 20, 90, 20, 90)).ok());
}

TEST(CatchUpTest, TellsWhatIsLeftOfWhatWasThereAtTheStartAndWhy) {
  CatchUp catch_up(90, absl::DataLossError("key 0x01 is damaged"));
  const absl::Status left = catch_up.Check(ReachedOf(30, 2, 80, 15, 95));
  EXPECT_TRUE(absl::IsUnavailable(left));
  EXPECT_THAT(std::string(left.message()),
              AllOf(HasSubstr("of 90 stored entries 60 are"), HasSubstr("10 to be bound"),
                    HasSubstr("13 closed episodes"), HasSubstr("key 0x01 is damaged")));
}

TEST(CatchUpTest, WaitsForEpisodesThatCloseWhileTheyAreBoundAnewAndForNoLaterOnes) {
  CatchUp catch_up(90, absl::OkStatus());
  EXPECT_FALSE(catch_up.Check(ReachedOf(90, 0, 0, 0, 90)).ok());
  EXPECT_FALSE(catch_up.Check(ReachedOf(95, 5, 90, 20, 95)).ok());
  EXPECT_FALSE(catch_up.Check(ReachedOf(96, 19, 96, 25, 99)).ok());
  EXPECT_TRUE(catch_up.Check(ReachedOf(96, 20, 96, 26, 99)).ok());
}

TEST(CatchUpTest, IsDoneForGood) {
  CatchUp catch_up(90, absl::OkStatus());
  EXPECT_TRUE(catch_up.Check(ReachedOf(90, 20, 90, 20, 90)).ok());
  // As after a roll-back to a space that is behind.
  EXPECT_TRUE(catch_up.Check(ReachedOf(80, 20, 90, 20, 95)).ok());
}

}  // namespace
}  // namespace mixmatch
