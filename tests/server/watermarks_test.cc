// The learned watermark: what holds it back, and that it never runs ahead.
#include "server/watermarks.h"

#include <gtest/gtest.h>

#include "tests/core/generations/memory_stores.h"

namespace mixmatch {
namespace {

class WatermarksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 10; ++i) log_.AddEvent();
    generations_ =
        *Generations::Open(*ModelConfigOf("nano", 1), &store_, &spaces_, &log_, &log_, &clock_);
    watermarks_ = std::make_unique<Watermarks>(&log_, &log_, generations_.get());
  }

  FixedClock clock_;
  MemoryGenerationStore store_;
  MemorySpaces spaces_;
  MemoryLog log_;
  std::unique_ptr<Generations> generations_;
  std::unique_ptr<Watermarks> watermarks_;
};

TEST_F(WatermarksTest, DurableIsTheLogAndRecallableTheServingSpace) {
  EXPECT_EQ(watermarks_->Get().durable, 10U);
  EXPECT_EQ(watermarks_->Get().recallable, 0U);
  while (*generations_->Follow()) {
  }
  EXPECT_EQ(watermarks_->Get().recallable, 10U);
}

TEST_F(WatermarksTest, LearnedIsHeldBackByWhatIsUnboundOpenOrWaiting) {
  EXPECT_EQ(watermarks_->Get().learned, 0U);
  watermarks_->SetBound(11, 1);  // all bound, all open
  EXPECT_EQ(watermarks_->Get().learned, 0U);
  log_.CloseEpisode(1, 3);
  log_.CloseEpisode(7, 8);
  log_.CloseEpisode(4, 6);
  watermarks_->SetBound(11, 9);
  EXPECT_EQ(watermarks_->Get().learned, 0U) << "closed, but in no step";
  ASSERT_TRUE(watermarks_->SetTaken(2).ok());
  EXPECT_EQ(watermarks_->Get().learned, 3U) << "4 waits, though 7 was taken";
  ASSERT_TRUE(watermarks_->SetTaken(3).ok());
  EXPECT_EQ(watermarks_->Get().learned, 8U) << "9 is open";
  watermarks_->SetBound(11, std::nullopt);
  EXPECT_EQ(watermarks_->Get().learned, 10U);
}

TEST_F(WatermarksTest, LearnedFallsWhenTheLearnerIsRolledBack) {
  log_.CloseEpisode(1, 5);
  log_.CloseEpisode(6, 10);
  watermarks_->SetBound(11, std::nullopt);
  ASSERT_TRUE(watermarks_->SetTaken(2).ok());
  EXPECT_EQ(watermarks_->Get().learned, 10U);
  ASSERT_TRUE(watermarks_->SetTaken(1).ok());
  EXPECT_EQ(watermarks_->Get().learned, 5U);
  ASSERT_TRUE(watermarks_->SetTaken(0).ok());
  EXPECT_EQ(watermarks_->Get().learned, 0U);
}

TEST_F(WatermarksTest, TellsListenersOfChangesAlone) {
  int told = 0;
  const uint64_t handle = watermarks_->Subscribe([&told](const WatermarkValues&) { ++told; });
  watermarks_->Publish();
  watermarks_->Publish();
  EXPECT_EQ(told, 1);
  watermarks_->SetBound(5, std::nullopt);
  watermarks_->Publish();
  EXPECT_EQ(told, 2);
  watermarks_->Unsubscribe(handle);
  watermarks_->SetBound(6, std::nullopt);
  watermarks_->Publish();
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace mixmatch
