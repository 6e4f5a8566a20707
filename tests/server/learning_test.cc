// Learning in the daemon: the same stream gives the same weights, also through a crash; generations
// go live by themselves; what the API tells of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;

constexpr int kEvents = 480;  // two to an episode

std::string Deterministic(int seed) {
  return "seed: " + std::to_string(seed) +
         "\n"
         "episodes: {gap: 500ms, lateness: 500ms, idle_close: 24h}\n"
         "learning: {deterministic: true, consolidate_when_idle: false, checkpoint_every: 200ms}\n"
         "generations: {automatic: false}\n";
}

std::vector<v1::Event> Events(int first, int last) {
  std::vector<v1::Event> events;
  for (int i = first; i < last; ++i) {
    const std::string id = std::to_string(i);
    events.push_back(i % 2 == 0 ? VectorEvent(id, {1.0F * static_cast<float>(i % 5), 1, 2}, i)
                                : TextEvent(id, "word" + std::to_string(i / 2 % 5), i - 0.8));
  }
  return events;
}

// Waits until no full block is left to learn and nothing has moved for a second; fails the test
// after five minutes: the learner has the lowest priority.
void AwaitLearned(TestDaemon& daemon, uint64_t events) {
  uint64_t steps = 0;
  int quiet = 0;
  for (int waited = 0; waited < 6000; ++waited) {
    const v1::GetStatusResponse status = daemon.GetStatus();
    const v1::LearningStatus& learning = status.learning();
    const bool idle = status.watermarks().recallable() >= events &&
                      learning.episodes_waiting() < 8 && learning.steps_total() == steps &&
                      // What the learner says of itself may be old where it gets no time.
                      8 * learning.steps_total() + 16 >= learning.episodes_trainable() &&
                      learning.state() == v1::LearningStatus::IDLE;
    quiet = idle ? quiet + 1 : 0;
    if (quiet >= 20) return;
    steps = learning.steps_total();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  FAIL() << daemon.GetStatus().ShortDebugString();
}

v1::Generation Publish(TestDaemon& daemon) {
  const v1::PublishGenerationResponse response = daemon.Publish();
  EXPECT_EQ(response.phase(), v1::PublishGenerationResponse::PUBLISHED)
      << response.ShortDebugString();
  return response.generation();
}

v1::Generation LearnAndPublish(TestDaemon& daemon) {
  daemon.Start();
  Ingest(daemon, Events(0, kEvents));
  AwaitLearned(daemon, kEvents);
  return Publish(daemon);
}

TEST(LearningTest, TheSameStreamGivesTheSameWeightsThoughOneDaemonIsKilled) {
  TestDaemon whole(Deterministic(3));
  const v1::Generation expected = LearnAndPublish(whole);
  EXPECT_NE(expected.weights_hash(), 0U);
  EXPECT_GE(expected.steps(), 20U);

  TestDaemon killed(Deterministic(3));
  ASSERT_NO_FATAL_FAILURE(killed.Start());
  Ingest(killed, Events(0, kEvents / 2));
  for (int waited = 0; waited < 600 && killed.GetStatus().learning().steps_total() < 5; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  killed.Kill();
  const v1::Generation after_crash = LearnAndPublish(killed);
  EXPECT_EQ(after_crash.steps(), expected.steps());
  EXPECT_EQ(after_crash.weights_hash(), expected.weights_hash());

  TestDaemon other(Deterministic(4));
  EXPECT_NE(LearnAndPublish(other).weights_hash(), expected.weights_hash());
}

TEST(LearningTest, GenerationsGoLiveByThemselvesAndSayWhy) {
  TestDaemon daemon(
      "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
      "learning: {flush_after: 300ms, consolidate_when_idle: false}\n"
      "generations: {publish_from: 32, probe_share: 0.2}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  Ingest(daemon, Events(0, kEvents));
  for (int waited = 0; waited < 6000 && daemon.GetStatus().serving().number() == 0; ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const v1::Generation serving = daemon.GetStatus().serving();
  ASSERT_GT(serving.number(), 0U);
  EXPECT_EQ(serving.trigger(), "growth");
  EXPECT_THAT(serving.reason(), HasSubstr("published"));
  ASSERT_GT(serving.scores_size(), 0);
  EXPECT_EQ(serving.scores(0).measure(), "mean over pairs");
  EXPECT_GE(serving.scores(0).candidate() + serving.scores(0).tolerance(),
            serving.scores(0).serving());
  EXPECT_GT(serving.periods_size(), 0);
}

// A fifth held out, so that a stream this short has probes to judge on.
std::string Preset(const std::string& preset) {
  return "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
         "model: {preset: " +
         preset +
         "}\n"
         "learning: {flush_after: 300ms, consolidate_when_idle: false}\n"
         "generations: {automatic: false, probe_share: 0.2}\n";
}

TEST(LearningTest, AnotherArchitectureDoesNotServeBeforeItHasLearned) {
  TestDaemon daemon(Preset("nano"));
  const v1::Generation before = LearnAndPublish(daemon);
  ASSERT_GT(before.scores_size(), 0);
  EXPECT_EQ(daemon.Terminate(), 0);
  daemon.Configure(Preset("small"));
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  {
    grpc::ClientContext context;
    v1::PauseLearningResponse paused;
    ASSERT_TRUE(daemon.admin().PauseLearning(&context, {}, &paused).ok());
  }
  for (int i = 0; i < 3; ++i) {
    const v1::PublishGenerationResponse response = daemon.Publish();
    EXPECT_EQ(response.phase(), v1::PublishGenerationResponse::REFUSED)
        << response.ShortDebugString();
  }
  EXPECT_EQ(daemon.GetStatus().serving().number(), before.number());
}

TEST(LearningTest, PublishingAgainWithNothingLearnedKeepsWhatServes) {
  TestDaemon daemon(Deterministic(3));
  const v1::Generation first = LearnAndPublish(daemon);
  const v1::Generation again = Publish(daemon);
  EXPECT_EQ(again.number(), first.number());
  EXPECT_EQ(again.weights_hash(), first.weights_hash());
  EXPECT_THAT(again.reason(), HasSubstr("nothing was learned since"));
}

TEST(LearningTest, WhatWasRolledBackIsNotPublishedAgainByItself) {
  TestDaemon daemon(
      "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
      "learning: {flush_after: 300ms, consolidate_when_idle: false}\n"
      "generations: {publish_from: 32, publish_on_gain: 0, publish_on_growth: 1.01,"
      " reembed_max: 1000}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  Ingest(daemon, Events(0, kEvents));
  ASSERT_NO_FATAL_FAILURE(AwaitLearned(daemon, kEvents));
  const uint64_t bad = daemon.GetStatus().serving().number();
  ASSERT_GE(bad, 2U);
  grpc::ClientContext context;
  v1::RollbackGenerationResponse rolled_back;
  ASSERT_TRUE(daemon.admin().RollbackGeneration(&context, {}, &rolled_back).ok());
  const uint64_t kept = daemon.GetStatus().serving().number();
  ASSERT_LT(kept, bad);
  // The learner takes up again what it had learned since, which is growth enough to publish.
  ASSERT_NO_FATAL_FAILURE(AwaitLearned(daemon, kEvents));
  EXPECT_EQ(daemon.GetStatus().serving().number(), kept);
}

}  // namespace
}  // namespace mixmatch
