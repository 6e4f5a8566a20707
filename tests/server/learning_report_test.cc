// The report on learning through the real daemon: it adds up, and it survives a restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::IsSupersetOf;

constexpr char kQuick[] =
    "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
    "learning: {flush_after: 300ms, consolidate_when_idle: false}\n"
    "generations: {publish_on_growth: 0}\n";

v1::GetLearningReportResponse Report(TestDaemon& daemon) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetLearningReportResponse response;
  const grpc::Status status = daemon.admin().GetLearningReport(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + 1e-9 * duration.nanos();
}

// Streams `count` moments in which a word and a pose occur together, and waits until all are
// learned.
void Learn(TestDaemon& daemon, int count) {
  std::vector<v1::Event> events;
  for (int i = 0; i < count; ++i) {
    const std::string id = std::to_string(i);
    const auto kind = static_cast<float>(i % 7);
    events.push_back(VectorEvent("pose" + id, {kind, 1, 0.1F * static_cast<float>(i)}, i * 2));
    events.push_back(TextEvent("word" + id, "word" + std::to_string(i % 7), i * 2 + 0.1));
  }
  const uint64_t last = Spread(Ingest(daemon, events)).back().first_sequence();
  daemon.AwaitWatermarks([last](const v1::Watermarks& w) { return w.learned() >= last; }, 60);
}

TEST(LearningReportTest, AddsUpAndSurvivesARestart) {
  TestDaemon daemon(kQuick);
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  EXPECT_EQ(Report(daemon).rows_size(), 0);
  EXPECT_EQ(Report(daemon).learning_time_share(), 0);
  Learn(daemon, 300);
  EXPECT_EQ(daemon.Terminate(), 0);
  ASSERT_NO_FATAL_FAILURE(daemon.Start());

  const v1::GetLearningReportResponse report = Report(daemon);
  ASSERT_GT(report.rows_size(), 1);
  uint64_t steps = 0;
  double step_s = 0;
  for (const v1::LearningHistoryRow& row : report.rows()) {
    steps += row.steps_stream() + row.steps_consolidation();
    step_s += Seconds(row.step_time());
    EXPECT_EQ(row.steps_total(), steps);
    EXPECT_GT(row.loss(), 0);
    std::set<std::string> pairs;
    for (const v1::PairLoss& pair : row.pairs()) pairs.insert(pair.pair());
    EXPECT_THAT(pairs, IsSupersetOf({"pose -> text", "text -> pose"}));
  }
  EXPECT_EQ(report.rows(0).steps_stream(), 25U);
  // A block may have been under way, whose last steps are made just now.
  EXPECT_NEAR(static_cast<double>(report.steps_total()), static_cast<double>(steps), 4);
  EXPECT_GE(report.recent().steps_stream(), std::min<uint64_t>(steps, 25));
  EXPECT_GE(Seconds(report.step_time()), step_s - 1e-3);
  EXPECT_GE(Seconds(report.wall_time()), Seconds(report.step_time()));
  EXPECT_GT(report.learning_time_share(), 0);
  EXPECT_LE(report.learning_time_share(), 1);
  EXPECT_FALSE(report.measures().has_forgetting());

  const v1::LearningSummary summary = daemon.GetStatus().learning_summary();
  EXPECT_GE(summary.pairs_size(), 2);
  EXPECT_GT(summary.learning_time_share(), 0);
}

TEST(LearningReportTest, UndoneStepsLeaveTheHistory) {
  TestDaemon daemon(kQuick);
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  Learn(daemon, 64);
  const v1::PublishGenerationResponse published = daemon.Publish();
  ASSERT_EQ(published.phase(), v1::PublishGenerationResponse::PUBLISHED)
      << published.generation().reason();
  const uint64_t steps = Report(daemon).steps_total();
  ASSERT_GT(steps, 0U);
  {
    grpc::ClientContext context;
    v1::PauseLearningResponse response;
    ASSERT_TRUE(daemon.admin().PauseLearning(&context, {}, &response).ok());
  }
  grpc::ClientContext context;
  v1::RollbackGenerationResponse response;
  ASSERT_TRUE(daemon.admin().RollbackGeneration(&context, {}, &response).ok());
  EXPECT_EQ(Report(daemon).rows_size(), 0) << "generation 0 knows nothing";
}

}  // namespace
}  // namespace mixmatch
