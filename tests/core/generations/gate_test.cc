// The gate: which side wins, on which probes, and what it says.
#include "core/generations/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "memory_stores.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class GateTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int i = 0; i < 40; ++i) log_.AddEvent();
    for (Seq seq = 1; seq <= 40; seq += 2) log_.CloseEpisode(seq, seq + 1, seq % 4 == 1);
    candidate_ = *Encoder::Create(*ModelConfigOf("nano", 1));
    serving_ = *Encoder::Create(*ModelConfigOf("nano", 2));
  }

  absl::StatusOr<Verdict> JudgeWith(double candidate_loss, double serving_loss,
                                    GateConfig config = {}) {
    const auto loss = [=, this](const Encoder& encoder,
                                std::span<const TrainingEpisode> probes) -> absl::StatusOr<double> {
      judged_.clear();
      for (const TrainingEpisode& probe : probes) judged_.insert(probe.id);
      return &encoder == candidate_.get() ? candidate_loss : serving_loss;
    };
    return Judge(config, log_, loss, *candidate_, *serving_);
  }

  MemoryLog log_;
  std::shared_ptr<const Encoder> candidate_;
  std::shared_ptr<const Encoder> serving_;
  std::set<EpisodeId> judged_;
};

TEST_F(GateTest, PublishesWhatIsNotWorse) {
  for (const double loss : {1.0, 2.0}) {
    const auto verdict = JudgeWith(loss, 2.0);
    ASSERT_TRUE(verdict.ok()) << verdict.status();
    EXPECT_TRUE(verdict->publish) << loss;
  }
}

TEST_F(GateTest, RefusesWhatIsWorseAndSaysByHowMuch) {
  const auto verdict = JudgeWith(2.5, 2.0);
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  EXPECT_FALSE(verdict->publish);
  EXPECT_THAT(verdict->reason, HasSubstr("2.5000"));
  EXPECT_THAT(verdict->reason, HasSubstr("2.0000"));
  ASSERT_THAT(verdict->scores, SizeIs(1));
  EXPECT_EQ(verdict->scores[0].probe_count, 10U);
}

TEST_F(GateTest, JudgesProbesAlone) {
  ASSERT_TRUE(JudgeWith(1, 2).ok());
  EXPECT_THAT(judged_, SizeIs(10));
  for (const EpisodeId id : judged_) EXPECT_EQ(id % 4, 1U) << id;
}

TEST_F(GateTest, SpreadsALimitedNumberOverTheWholeStream) {
  ASSERT_TRUE(JudgeWith(1, 2, {.probes_max = 5}).ok());
  EXPECT_THAT(judged_, SizeIs(5));
  EXPECT_EQ(*judged_.begin(), 1U);
  EXPECT_GT(*judged_.rbegin(), 30U);
}

TEST_F(GateTest, PassesWhenThereIsNothingToJudgeYet) {
  const auto loss = [](const Encoder&, std::span<const TrainingEpisode>) -> absl::StatusOr<double> {
    return absl::NotFoundError("no positive pair");
  };
  const auto verdict = Judge({}, log_, loss, *candidate_, *serving_);
  ASSERT_TRUE(verdict.ok()) << verdict.status();
  EXPECT_TRUE(verdict->publish);
  EXPECT_THAT(verdict->scores, SizeIs(0));
}

}  // namespace
}  // namespace mixmatch
