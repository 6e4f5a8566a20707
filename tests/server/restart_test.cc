// Acknowledged is durable: kill -9 in the middle of an ingest, graceful ends, and what goes on
// after.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::SizeIs;

constexpr char kQuick[] =
    "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
    "learning: {flush_after: 300ms, consolidate_when_idle: false, checkpoint_every: 500ms}\n"
    "generations: {automatic: false}\n";

v1::Event NthEvent(int i) {
  const std::string id = std::to_string(i);
  return i % 2 == 0 ? VectorEvent(id, {1.0F * static_cast<float>(i % 5), 1, 2}, i)
                    : TextEvent(id, "word" + std::to_string(i / 2 % 5), i - 0.8);
}

// Streams events until the connection breaks; returns what was acknowledged as stored.
std::map<int, uint64_t> IngestUntilBroken(TestDaemon& daemon, int first, int count,
                                          std::atomic<int>& acknowledged) {
  grpc::ClientContext context;
  SetDeadline(context, 60);
  const auto stream = daemon.memory().Ingest(&context);
  std::thread writer([&] {
    v1::IngestRequest request;
    for (int i = first; i < first + count; ++i) {
      *request.mutable_event() = NthEvent(i);
      if (!stream->Write(request)) return;
    }
    stream->WritesDone();
  });
  std::map<int, uint64_t> stored;
  v1::IngestResponse response;
  while (stream->Read(&response)) {
    for (const auto& result : response.results()) {
      for (uint64_t i = 0; i < result.event_count(); ++i) {
        if (result.outcome() == v1::IngestResult::REJECTED) continue;
        stored[first + static_cast<int>(result.first_index() + i)] = result.first_sequence() + i;
        ++acknowledged;
      }
    }
  }
  writer.join();
  stream->Finish();
  return stored;
}

TEST(RestartTest, LosesNothingAcknowledgedByKillInTheMiddleOfAnIngest) {
  TestDaemon daemon(kQuick);
  std::map<int, uint64_t> stored;
  int next = 0;
  for (int round = 0; round < 3; ++round) {
    ASSERT_NO_FATAL_FAILURE(daemon.Start());
    std::atomic<int> acknowledged = 0;
    std::map<int, uint64_t> part;
    std::thread client([&] { part = IngestUntilBroken(daemon, next, 200'000, acknowledged); });
    for (int waited = 0; acknowledged < 300 && waited < 3000; ++waited) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    daemon.Kill();
    client.join();
    ASSERT_GE(part.size(), 300U);
    stored.insert(part.begin(), part.end());
    next = part.rbegin()->first + 1;
  }
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  // Every acknowledged event is there, under its sequence number, once.
  std::map<std::string, int> seen;
  v1::ListEventsRequest request;
  request.set_page_size(1000);
  do {
    grpc::ClientContext context;
    v1::ListEventsResponse response;
    ASSERT_TRUE(daemon.memory().ListEvents(&context, request, &response).ok());
    for (const auto& event : response.events()) {
      ++seen[event.event().event_id()];
      const auto known = stored.find(std::stoi(event.event().event_id()));
      if (known != stored.end()) {
        EXPECT_EQ(known->second, event.sequence());
      }
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  for (const auto& [id, sequence] : stored) EXPECT_EQ(seen[std::to_string(id)], 1) << id;
  // Sent again: nothing is stored twice.
  std::vector<v1::Event> again;
  for (int i = 0; i < 200; ++i) again.push_back(NthEvent(i));
  for (const auto& result : Spread(Ingest(daemon, again))) {
    EXPECT_EQ(result.outcome(), v1::IngestResult::DUPLICATE);
    EXPECT_EQ(result.first_sequence(), stored[static_cast<int>(result.first_index())]);
  }
  // Recall answers, and learning goes on with what comes.
  const auto fresh = Spread(Ingest(daemon, {NthEvent(next + 1000), NthEvent(next + 1001)}));
  const uint64_t last = fresh.back().first_sequence();
  daemon.AwaitWatermarks([last](const v1::Watermarks& w) { return w.recallable() >= last; }, 60);
  v1::RecallRequest recall;
  recall.mutable_query()->mutable_percepts()->add_percepts()->mutable_text()->set_text("word1");
  recall.add_modalities("text");
  grpc::ClientContext context;
  v1::RecallResponse response;
  ASSERT_TRUE(daemon.memory().Recall(&context, recall, &response).ok());
  EXPECT_THAT(response.experiences(), SizeIs(10));
  EXPECT_EQ(response.experiences(0).event().event().percepts(0).text().text(), "word1");
  const uint64_t steps = daemon.GetStatus().learning().steps_total();
  for (int waited = 0; daemon.GetStatus().learning().steps_total() == steps && waited < 600;
       ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_GT(daemon.GetStatus().learning().steps_total(), steps);
}

TEST(RestartTest, TakesUpWhereAGracefulEndLeftIt) {
  TestDaemon daemon(kQuick);
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  std::vector<v1::Event> events;
  for (int i = 0; i < 200; ++i) events.push_back(NthEvent(i));
  const uint64_t last = Spread(Ingest(daemon, events)).back().first_sequence();
  daemon.AwaitWatermarks([last](const v1::Watermarks& w) { return w.learned() >= last; }, 60);
  const v1::GetStatusResponse before = daemon.GetStatus();
  EXPECT_EQ(daemon.Terminate(), 0);
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  const v1::GetStatusResponse after = daemon.GetStatus();
  EXPECT_EQ(after.event_count(), before.event_count());
  EXPECT_EQ(after.episode_count(), before.episode_count());
  // The last block's steps may still have been under way.
  EXPECT_GE(after.learning().steps_total(), before.learning().steps_total());
  EXPECT_LE(after.learning().steps_total(), before.learning().steps_total() + 4);
  EXPECT_GE(after.watermarks().learned(), last);
  EXPECT_GE(after.watermarks().recallable(), last);
  EXPECT_EQ(after.serving().embedding_count(), before.serving().embedding_count());
}

TEST(RestartTest, EndsAStreamOnTerminationWithUnavailableAfterItsResults) {
  TestDaemon daemon(kQuick);
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  grpc::ClientContext context;
  SetDeadline(context, 60);
  const auto stream = daemon.memory().Ingest(&context);
  v1::IngestRequest request;
  *request.mutable_event() = NthEvent(1);
  ASSERT_TRUE(stream->Write(request));
  std::thread terminator([&daemon] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(daemon.Terminate(), 0);
  });
  v1::IngestResponse response;
  uint64_t results = 0;
  while (stream->Read(&response)) results += static_cast<uint64_t>(response.results_size());
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(results, 1U);
  terminator.join();
}

TEST(RestartTest, KeepsAPauseOverARestart) {
  TestDaemon daemon(kQuick);
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  grpc::ClientContext context;
  v1::PauseLearningResponse response;
  ASSERT_TRUE(daemon.admin().PauseLearning(&context, {}, &response).ok());
  daemon.Kill();
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  std::vector<v1::Event> events;
  for (int i = 0; i < 100; ++i) events.push_back(NthEvent(i));
  const uint64_t last = Spread(Ingest(daemon, events)).back().first_sequence();
  daemon.AwaitWatermarks([last](const v1::Watermarks& w) { return w.recallable() >= last; }, 60);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  EXPECT_EQ(daemon.GetStatus().learning().state(), v1::LearningStatus::PAUSED);
  EXPECT_EQ(daemon.GetStatus().learning().steps_total(), 0U);
}

}  // namespace
}  // namespace mixmatch
