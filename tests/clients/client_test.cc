// The client against a real server: answers, retries, deadlines, progress streams.
#include "clients/cpp/client.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/time/clock.h"
#include "tests/clients/memory_server.h"
#include "tests/clients/slow_relay.h"

namespace mixmatch::client {
namespace {

Client Connected(const MemoryServer& server, ClientOptions options = {}) {
  options.backoff_initial = absl::Milliseconds(5);
  return *Client::Connect(server.target(), options);
}

v1::IngestBatchRequest OneText(const std::string& id, const std::string& text) {
  v1::IngestBatchRequest request;
  v1::Event* const event = request.add_events();
  event->set_event_id(id);
  event->add_percepts()->mutable_text()->set_text(text);
  return request;
}

TEST(ClientTest, StoresAndRecallsOverASocket) {
  MemoryServer server({});
  const Client client = Connected(server);
  const auto stored = client.IngestBatch(OneText("a", "x"));
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->results(0).outcome(), v1::IngestResult::STORED);
  ASSERT_TRUE(client.IngestBatch(OneText("b", "y")).ok());
  v1::RecallRequest request;
  v1::Percept* const asked = request.mutable_query()->mutable_percepts()->add_percepts();
  for (const float value : {0.0F, 1.0F, 0.0F}) asked->mutable_vector()->add_values(value);
  request.add_modalities("text");
  request.set_k(1);
  const auto found = client.Recall(request);
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->experiences_size(), 1);
  EXPECT_EQ(found->experiences(0).event().event().event_id(), "b");
}

TEST(ClientTest, TriesAgainWhileTheDaemonIsUnavailable) {
  MemoryServerOptions options;
  options.unavailable_calls = 3;
  MemoryServer server(options);
  EXPECT_TRUE(Connected(server).GetWatermarks().ok());
  EXPECT_EQ(server.call_count(), 4);
}

TEST(ClientTest, GivesAConnectionTimeToBeMade) {
  MemoryServer server({});
  const int port = std::stoi(server.target().substr(server.target().rfind(':') + 1));
  const SlowRelay relay(port, absl::Milliseconds(700));
  ClientOptions options;
  options.attempts_max = 1;
  const auto client = Client::Connect(relay.target(), options);
  ASSERT_TRUE(client.ok());
  const auto status = client->GetStatus();
  EXPECT_TRUE(status.ok()) << status.status();
}

// Of a server that refuses its first calls.
MemoryServerOptions Refuses(int calls, absl::Duration delay) {
  MemoryServerOptions options;
  options.exhausted_calls = calls;
  options.retry_delay = delay;
  return options;
}

TEST(ClientTest, WaitsAsLongAsTheDaemonSaysWhenItsQueueIsFull) {
  MemoryServer server(Refuses(1, absl::Milliseconds(300)));
  const absl::Time start = absl::Now();
  EXPECT_TRUE(Connected(server).GetStatus().ok());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(300));
  EXPECT_EQ(server.call_count(), 2);
}

TEST(ClientTest, GoesOnWhereTheDaemonSaysWhenToComeAgain) {
  MemoryServer server(Refuses(12, absl::Milliseconds(1)));
  ClientOptions client_options;
  client_options.backoff_initial = absl::Milliseconds(1);
  client_options.backoff_max = absl::Milliseconds(5);
  EXPECT_TRUE(Connected(server, client_options).GetStatus().ok());
  EXPECT_EQ(server.call_count(), 13);
}

TEST(ClientTest, TakesARefusalAsItIsWhereOneAttemptIsAllowed) {
  MemoryServer server(Refuses(1, absl::Milliseconds(1)));
  ClientOptions client_options;
  client_options.attempts_max = 1;
  const absl::Status status = Connected(server, client_options).GetStatus().status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_EQ(server.call_count(), 1);
}

TEST(ClientTest, GivesUpAfterTheAllowedAttempts) {
  MemoryServerOptions options;
  options.unavailable_calls = 100;
  MemoryServer server(options);
  ClientOptions client_options;
  client_options.attempts_max = 3;
  const absl::Status status = Connected(server, client_options).GetStatus().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(server.call_count(), 3);
}

TEST(ClientTest, NeverTriesAgainWhatTheDaemonRefuses) {
  MemoryServer server({});
  v1::GetEventRequest request;
  request.set_sequence(7);
  EXPECT_TRUE(absl::IsNotFound(Connected(server).GetEvent(request).status()));
}

TEST(ClientTest, SaysUnavailableWhenNobodyListens) {
  ClientOptions options;
  options.attempts_max = 2;
  options.backoff_initial = absl::Milliseconds(5);
  const auto client = Client::Connect("127.0.0.1:1", options);
  ASSERT_TRUE(client.ok());
  EXPECT_TRUE(absl::IsUnavailable(client->GetStatus().status()));
}

TEST(ClientTest, RefusesOptionsThatMakeNoSense) {
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect("", {}).status()));
  ClientOptions options;
  options.timeout = absl::ZeroDuration();
  EXPECT_TRUE(absl::IsInvalidArgument(Client::Connect("127.0.0.1:1", options).status()));
}

TEST(ClientTest, ShowsProgressOfAConsolidationAndReturnsItsEnd) {
  MemoryServer server({});
  v1::ConsolidateRequest request;
  request.set_steps(5);
  int message_count = 0;
  const auto last = Connected(server).Consolidate(request, [&](const v1::ConsolidateResponse&) {
    ++message_count;
    return true;
  });
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(message_count, 5);
  EXPECT_EQ(last->steps_done(), 5);
  EXPECT_TRUE(last->done());
}

TEST(ClientTest, EndsAConsolidationWhenItsProgressIsRefused) {
  MemoryServer server({});
  v1::ConsolidateRequest request;
  request.set_steps(10'000'000);
  const auto last = Connected(server).Consolidate(
      request, [](const v1::ConsolidateResponse& at) { return at.steps_done() < 3; });
  EXPECT_TRUE(absl::IsCancelled(last.status())) << last.status();
}

TEST(ClientTest, PublishesAndRollsBack) {
  MemoryServer server({});
  const Client client = Connected(server);
  EXPECT_EQ(client.RollbackGeneration().status().code(), absl::StatusCode::kFailedPrecondition);
  const auto published = client.PublishGeneration(nullptr);
  ASSERT_TRUE(published.ok()) << published.status();
  EXPECT_EQ(published->phase(), v1::PublishGenerationResponse::PUBLISHED);
  EXPECT_EQ(client.ListGenerations()->generations_size(), 2);
  EXPECT_EQ(client.RollbackGeneration()->serving().number(), 0);
}

}  // namespace
}  // namespace mixmatch::client
