// Events in, experiences out: the main path through the real daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::SizeIs;

constexpr char kQuick[] =
    "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
    "learning: {flush_after: 300ms, consolidate_when_idle: false}\n"
    "generations: {automatic: false}\n";

std::vector<float> Pose(int i) {
  return {std::cos(static_cast<float>(i)), std::sin(static_cast<float>(i)),
          static_cast<float>(i % 3), 0.5F};
}

v1::RecallResponse Recall(TestDaemon& daemon, const v1::RecallRequest& request,
                          grpc::StatusCode code = grpc::StatusCode::OK) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::RecallResponse response;
  const grpc::Status status = daemon.memory().Recall(&context, request, &response);
  EXPECT_EQ(status.error_code(), code) << status.error_message();
  return response;
}

class DaemonTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(daemon_.Start()); }

  // `episodes` pairs of a pose and a word, two seconds apart.
  void Fill(int episodes) {
    std::vector<v1::Event> events;
    for (int i = 0; i < episodes; ++i) {
      const double time = 2.0 * i;
      v1::Event pose = VectorEvent("pose" + std::to_string(i), Pose(i % 10), time);
      (*pose.mutable_metadata())["kind"] = std::to_string(i % 10);
      events.push_back(pose);
      events.push_back(
          TextEvent("word" + std::to_string(i), "word" + std::to_string(i % 10), time + 0.2));
    }
    const auto results = Spread(Ingest(daemon_, events));
    ASSERT_THAT(results, SizeIs(events.size()));
    for (const auto& result : results) ASSERT_EQ(result.outcome(), v1::IngestResult::STORED);
    last_ = results.back().first_sequence();
  }
  void AwaitRecallable() {
    daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.recallable() >= last_; });
  }

  TestDaemon daemon_{kQuick};
  uint64_t last_ = 0;
};

TEST_F(DaemonTest, AnswersEveryEventInOrderWithRisingSequenceNumbers) {
  Fill(50);
  const v1::Watermarks watermarks = daemon_.GetWatermarks();
  EXPECT_GE(watermarks.durable(), last_);
}

TEST(DaemonBacklogTest, AStreamIsHeldBackWhereFollowingIsBehind) {
  TestDaemon daemon(std::string(kQuick) + "limits: {backlog_soft_events: 40}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  std::vector<v1::Event> events;
  for (int i = 0; i < 3000; ++i) {
    events.push_back(VectorEvent("e" + std::to_string(i), Pose(i % 10), 0.1 * i));
  }
  const auto results = Spread(Ingest(daemon, events));
  ASSERT_THAT(results, SizeIs(events.size()));
  for (const auto& result : results) ASSERT_EQ(result.outcome(), v1::IngestResult::STORED);
  // What had come when it was held back: the events on their way, and no more.
  const v1::Watermarks watermarks = daemon.GetWatermarks();
  EXPECT_LE(watermarks.durable() - watermarks.recallable(), 1200U);
}

TEST_F(DaemonTest, CoalescesARunOfStoredEvents) {
  std::vector<v1::Event> events;
  for (int i = 0; i < 500; ++i) events.push_back(TextEvent("e" + std::to_string(i), "hello", i));
  const auto results = Ingest(daemon_, events);
  EXPECT_LT(results.size(), 250U);
  EXPECT_THAT(Spread(results), SizeIs(500));
}

TEST_F(DaemonTest, RecallsTheSamePerceptFirst) {
  Fill(20);
  AwaitRecallable();
  v1::RecallRequest request;
  v1::Percept& query = *request.mutable_query()->mutable_percepts()->add_percepts();
  query.set_modality("pose");
  for (const float value : Pose(7)) query.mutable_vector()->add_values(value);
  request.add_modalities("pose");
  request.set_k(2);
  const v1::RecallResponse response = Recall(daemon_, request);
  ASSERT_THAT(response.experiences(), SizeIs(2));
  for (const auto& experience : response.experiences()) {
    EXPECT_NEAR(experience.similarity(), 1.0, 1e-4);
    EXPECT_EQ(experience.event().event().metadata().at("kind"), "7");
    EXPECT_EQ(experience.modality(), "pose");
    EXPECT_TRUE(experience.event().event().percepts(0).vector().values().empty())
        << "payloads only in the FULL view";
  }
  request.set_view(v1::FULL);
  EXPECT_THAT(Recall(daemon_, request).experiences(0).event().event().percepts(0).vector().values(),
              SizeIs(4));
}

TEST_F(DaemonTest, FindsTheTextAgainInOtherModalitiesAfterLearning) {
  Fill(600);
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 120);
  daemon_.Consolidate(60);
  const v1::PublishGenerationResponse published = daemon_.Publish();
  EXPECT_EQ(published.phase(), v1::PublishGenerationResponse::PUBLISHED)
      << published.generation().reason();
  EXPECT_EQ(daemon_.GetWatermarks().generation(), 1U);
  EXPECT_GE(daemon_.GetWatermarks().served_learned(), last_);
  int right = 0;
  for (int word = 0; word < 10; ++word) {
    v1::RecallRequest request;
    request.mutable_query()->mutable_percepts()->add_percepts()->mutable_text()->set_text(
        "word" + std::to_string(word));
    request.add_modalities("pose");
    request.set_k(10);
    const v1::RecallResponse response = Recall(daemon_, request);
    for (const auto& experience : response.experiences()) {
      right += experience.event().event().metadata().at("kind") == std::to_string(word) ? 1 : 0;
    }
  }
  EXPECT_GE(right, 90) << "of 100 poses named by their word";
}

TEST_F(DaemonTest, LearnsFromTheStreamAndReportsIt) {
  Fill(80);
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 60);
  const v1::GetStatusResponse status = daemon_.GetStatus();
  EXPECT_EQ(status.event_count(), 160U);
  EXPECT_EQ(status.episode_count(), 80U);
  EXPECT_EQ(status.open_episode_count(), 0U);
  EXPECT_EQ(status.learning().episodes_trainable() + status.learning().episodes_probe(), 80U);
  EXPECT_GE(status.learning().steps_stream(), 8U);
  EXPECT_EQ(status.learning().steps_consolidation(), 0U);
  EXPECT_GT(status.learning().parameter_count(), 100'000U);
  EXPECT_EQ(status.serving().number(), 0U);
  EXPECT_GT(status.resident_bytes(), 0U);
  ASSERT_THAT(status.modalities(), SizeIs(2));
  EXPECT_EQ(status.modalities(0).percept_count() + status.modalities(1).percept_count(), 160U);
}

TEST_F(DaemonTest, FiltersByMetadataSceneAndTime) {
  Fill(30);
  AwaitRecallable();
  v1::RecallRequest request;
  request.mutable_query()->mutable_percepts()->add_percepts()->mutable_text()->set_text("word1");
  request.add_modalities("pose");
  request.set_k(100);
  EXPECT_THAT(Recall(daemon_, request).experiences(), SizeIs(30));
  v1::MetadataCondition& condition = *request.mutable_filter()->add_metadata();
  condition.set_key("kind");
  condition.add_values("3");
  condition.add_values("4");
  EXPECT_THAT(Recall(daemon_, request).experiences(), SizeIs(6));
  request.mutable_filter()->add_scenes("elsewhere");
  EXPECT_THAT(Recall(daemon_, request).experiences(), SizeIs(0));
  request.mutable_filter()->clear_scenes();
  *request.mutable_filter()->mutable_time()->mutable_end() = VectorEvent("x", {1}, 20).time();
  EXPECT_THAT(Recall(daemon_, request).experiences(), SizeIs(2));
}

TEST_F(DaemonTest, RecallsEpisodesWhenNoModalityIsWanted) {
  Fill(10);
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 60);
  v1::RecallRequest request;
  request.mutable_query()->mutable_event()->set_source("test");
  request.mutable_query()->mutable_event()->set_event_id("pose3");
  request.set_k(20);
  v1::RecallResponse response;
  for (int i = 0; i < 200 && response.experiences_size() < 9; ++i)
    response = Recall(daemon_, request);
  ASSERT_THAT(response.experiences(), SizeIs(9)) << "all but its own";
  for (const auto& experience : response.experiences()) {
    EXPECT_FALSE(experience.has_event());
    EXPECT_THAT(experience.episode().events(), SizeIs(2));
    EXPECT_TRUE(experience.episode().closed());
  }
}

TEST_F(DaemonTest, FoldsResultsOfIdenticalContent) {
  Fill(30);
  AwaitRecallable();
  v1::RecallRequest request;
  request.mutable_query()->mutable_percepts()->add_percepts()->mutable_text()->set_text("word2");
  request.add_modalities("text");
  request.set_k(10);
  request.set_fold_identical(true);
  const v1::RecallResponse response = Recall(daemon_, request);
  ASSERT_THAT(response.experiences(), SizeIs(10));
  std::set<std::string> words;
  for (const auto& experience : response.experiences()) {
    EXPECT_EQ(experience.identical_count(), 3U);
    words.insert(experience.event().event().percepts(0).text().text());
  }
  EXPECT_THAT(words, SizeIs(10));
  EXPECT_EQ(response.experiences(0).event().event().percepts(0).text().text(), "word2");
}

TEST_F(DaemonTest, EmbedsAndRecallsByVectorOfTheSameGenerationAlone) {
  Fill(5);
  AwaitRecallable();
  v1::EmbedResponse embedded;
  {
    grpc::ClientContext context;
    v1::EmbedRequest request;
    request.mutable_percepts()->add_percepts()->mutable_text()->set_text("word4");
    ASSERT_TRUE(daemon_.memory().Embed(&context, request, &embedded).ok());
  }
  v1::RecallRequest request;
  *request.mutable_query()->mutable_embedding() = embedded.embedding();
  request.add_modalities("text");
  request.set_k(1);
  EXPECT_NEAR(Recall(daemon_, request).experiences(0).similarity(), 1, 1e-4);
  request.mutable_query()->mutable_embedding()->set_generation(17);
  Recall(daemon_, request, grpc::StatusCode::FAILED_PRECONDITION);
  request.mutable_query()->mutable_embedding()->clear_values();
  request.mutable_query()->mutable_embedding()->set_generation(0);
  Recall(daemon_, request, grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(DaemonTest, PagesThroughEventsInBothDirections) {
  Fill(25);
  for (const bool descending : {false, true}) {
    v1::ListEventsRequest request;
    request.set_page_size(7);
    request.set_descending(descending);
    std::vector<uint64_t> sequences;
    for (int page = 0; page < 20; ++page) {
      grpc::ClientContext context;
      v1::ListEventsResponse response;
      ASSERT_TRUE(daemon_.memory().ListEvents(&context, request, &response).ok());
      for (const auto& event : response.events()) sequences.push_back(event.sequence());
      if (response.next_page_token().empty()) break;
      request.set_page_token(response.next_page_token());
    }
    EXPECT_THAT(sequences, SizeIs(50));
    EXPECT_TRUE(descending ? std::is_sorted(sequences.rbegin(), sequences.rend())
                           : std::is_sorted(sequences.begin(), sequences.end()));
  }
}

TEST_F(DaemonTest, ReturnsAnEventAndItsEpisode) {
  Fill(3);
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 60);
  v1::GetEventRequest request;
  request.mutable_event()->set_source("test");
  request.mutable_event()->set_event_id("word1");
  request.set_view(v1::FULL);
  grpc::ClientContext context;
  v1::GetEventResponse response;
  ASSERT_TRUE(daemon_.memory().GetEvent(&context, request, &response).ok());
  EXPECT_EQ(response.event().event().percepts(0).text().text(), "word1");
  v1::GetEpisodeRequest by_event;
  *by_event.mutable_event() = request.event();
  grpc::ClientContext episode_context;
  v1::GetEpisodeResponse episode;
  ASSERT_TRUE(daemon_.memory().GetEpisode(&episode_context, by_event, &episode).ok());
  EXPECT_EQ(episode.episode().episode_id(), response.event().episode_id());
  EXPECT_THAT(episode.episode().events(), SizeIs(2));

  request.mutable_event()->set_event_id("nothing");
  grpc::ClientContext missing;
  EXPECT_EQ(daemon_.memory().GetEvent(&missing, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(DaemonTest, PausesLearningUntilItIsResumed) {
  {
    grpc::ClientContext context;
    v1::PauseLearningResponse response;
    ASSERT_TRUE(daemon_.admin().PauseLearning(&context, {}, &response).ok());
  }
  Fill(40);
  AwaitRecallable();
  EXPECT_EQ(daemon_.GetStatus().learning().steps_total(), 0U);
  {
    grpc::ClientContext context;
    const auto stream = daemon_.admin().Consolidate(&context, {});
    v1::ConsolidateResponse progress;
    EXPECT_FALSE(stream->Read(&progress));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  }
  {
    grpc::ClientContext context;
    v1::ResumeLearningResponse response;
    ASSERT_TRUE(daemon_.admin().ResumeLearning(&context, {}, &response).ok());
  }
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 60);
}

TEST_F(DaemonTest, MakesANewModalityRecallableAtOnce) {
  Fill(5);
  v1::Event event = TextEvent("imu0", "x", 100);
  v1::Percept& percept = *event.mutable_percepts(0);
  percept.set_modality("imu");
  percept.mutable_series()->set_channel_count(2);
  percept.mutable_series()->set_rate_hz(50);
  for (int i = 0; i < 100; ++i) percept.mutable_series()->add_values(static_cast<float>(i % 7));
  last_ = Spread(Ingest(daemon_, {event}))[0].first_sequence();
  AwaitRecallable();
  v1::RecallRequest request;
  *request.mutable_query()->mutable_percepts()->add_percepts() = percept;
  request.add_modalities("imu");
  const v1::RecallResponse response = Recall(daemon_, request);
  ASSERT_THAT(response.experiences(), SizeIs(1));
  EXPECT_NEAR(response.experiences(0).similarity(), 1, 1e-4);
  request.clear_modalities();
  request.add_modalities("lidar");
  Recall(daemon_, request, grpc::StatusCode::NOT_FOUND);
}

TEST_F(DaemonTest, StoresABatchAndReportsTheBadOnesInPlace) {
  v1::IngestBatchRequest request;
  *request.add_events() = TextEvent("a", "one", 1);
  *request.add_events() = TextEvent("", "two", 2);
  *request.add_events() = TextEvent("c", "three", 3);
  grpc::ClientContext context;
  v1::IngestBatchResponse response;
  ASSERT_TRUE(daemon_.memory().IngestBatch(&context, request, &response).ok());
  ASSERT_THAT(response.results(), SizeIs(3));
  EXPECT_EQ(response.results(0).outcome(), v1::IngestResult::STORED);
  EXPECT_EQ(response.results(1).error().field(), "event_id");
  EXPECT_EQ(response.results(2).outcome(), v1::IngestResult::STORED);
  EXPECT_EQ(response.results(2).first_index(), 2U);
}

TEST_F(DaemonTest, RollsBackToThePreviousGeneration) {
  Fill(64);
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 60);
  {
    grpc::ClientContext context;
    v1::RollbackGenerationResponse response;
    EXPECT_EQ(daemon_.admin().RollbackGeneration(&context, {}, &response).error_code(),
              grpc::StatusCode::FAILED_PRECONDITION);
  }
  const v1::PublishGenerationResponse published = daemon_.Publish();
  ASSERT_EQ(published.phase(), v1::PublishGenerationResponse::PUBLISHED)
      << published.generation().reason();
  grpc::ClientContext context;
  v1::RollbackGenerationResponse response;
  ASSERT_TRUE(daemon_.admin().RollbackGeneration(&context, {}, &response).ok());
  EXPECT_EQ(response.serving().number(), 0U);
  grpc::ClientContext list_context;
  v1::ListGenerationsResponse list;
  ASSERT_TRUE(daemon_.admin().ListGenerations(&list_context, {}, &list).ok());
  ASSERT_THAT(list.generations(), SizeIs(2));
  EXPECT_EQ(list.generations(0).state(), v1::Generation::KEPT);
  EXPECT_EQ(list.generations(1).state(), v1::Generation::SERVING);
  // The learner starts over from generation 0, and learns everything again.
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 60);
}

}  // namespace
}  // namespace mixmatch
