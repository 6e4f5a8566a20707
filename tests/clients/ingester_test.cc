// The ingester against a real server that breaks, refuses and learns slowly.
#include "clients/cpp/ingester.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tests/clients/memory_server.h"

namespace mixmatch::client {
namespace {

v1::Event TextEvent(uint64_t number) {
  v1::Event event;
  event.set_event_id(absl::StrCat(number));
  event.add_percepts()->mutable_text()->set_text(absl::StrCat("word ", number));
  return event;
}

// Collects the outcomes by index.
class Outcomes {
 public:
  Ingester::OnOutcome Collector() {
    return [this](const EventOutcome& outcome) {
      absl::MutexLock lock(&mutex_);
      EXPECT_TRUE(outcomes_.emplace(outcome.index, outcome).second) << "two outcomes";
    };
  }
  std::map<uint64_t, EventOutcome> all() const {
    absl::MutexLock lock(&mutex_);
    return outcomes_;
  }
  uint64_t Count(v1::IngestResult::Outcome wanted) const {
    absl::MutexLock lock(&mutex_);
    uint64_t count = 0;
    for (const auto& [index, outcome] : outcomes_) count += outcome.outcome == wanted ? 1 : 0;
    return count;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<uint64_t, EventOutcome> outcomes_;
};

IngestOptions Quick() {
  IngestOptions options;
  options.window_events = 32;
  options.backoff_initial = absl::Milliseconds(5);
  options.backoff_max = absl::Milliseconds(50);
  return options;
}

absl::Status SendTexts(Ingester* ingester, uint64_t count) {
  for (uint64_t i = 1; i <= count; ++i) {
    absl::Status sent = ingester->Send(TextEvent(i));
    if (!sent.ok()) return sent;
  }
  return ingester->Finish();
}

void ExpectEachStoredOnce(const MemoryServer& server, uint64_t count) {
  std::set<std::string> ids;
  for (const v1::StoredEvent& stored : server.events()) ids.insert(stored.event().event_id());
  EXPECT_EQ(ids.size(), count);
  EXPECT_EQ(server.events().size(), count);
}

TEST(IngesterTest, StoresEverythingInOrder) {
  MemoryServer server({});
  Outcomes outcomes;
  Ingester ingester(*Client::Connect(server.target(), {}), Quick(), outcomes.Collector());
  ASSERT_TRUE(SendTexts(&ingester, 500).ok());
  ASSERT_EQ(outcomes.Count(v1::IngestResult::STORED), 500);
  for (const auto& [index, outcome] : outcomes.all()) EXPECT_EQ(outcome.sequence, index + 1);
  EXPECT_EQ(server.stream_count(), 1);
  EXPECT_EQ(ingester.progress().watermarks.durable(), 500);
}

TEST(IngesterTest, StoresEverythingOnceThoughTheConnectionBreaksAgainAndAgain) {
  MemoryServerOptions options;
  options.breaks = 5;
  options.break_after_events = 40;
  options.unreported_events = 10;
  MemoryServer server(options);
  Outcomes outcomes;
  Ingester ingester(*Client::Connect(server.target(), {}), Quick(), outcomes.Collector());
  const absl::Status status = SendTexts(&ingester, 400);
  ASSERT_TRUE(status.ok()) << status;
  ExpectEachStoredOnce(server, 400);
  EXPECT_EQ(outcomes.all().size(), 400);
  EXPECT_GT(outcomes.Count(v1::IngestResult::DUPLICATE), 0);
  EXPECT_EQ(outcomes.Count(v1::IngestResult::REJECTED), 0);
  EXPECT_EQ(server.stream_count(), 6);
  EXPECT_EQ(ingester.progress().reconnect_count, 5);
}

TEST(IngesterTest, SendsAgainWhatAFullQueueRefusedAfterItsDelay) {
  MemoryServerOptions options;
  options.exhausted_every = 10;
  options.retry_delay = absl::Milliseconds(30);
  MemoryServer server(options);
  Outcomes outcomes;
  Ingester ingester(*Client::Connect(server.target(), {}), Quick(), outcomes.Collector());
  const absl::Time start = absl::Now();
  ASSERT_TRUE(SendTexts(&ingester, 100).ok());
  ExpectEachStoredOnce(server, 100);
  EXPECT_EQ(outcomes.Count(v1::IngestResult::STORED), 100);
  for (const auto& [id, times] : server.received()) {
    EXPECT_EQ(times, std::stoi(id) % 10 == 0 ? 2 : 1) << id;
  }
  // Windows of 32 hold up to four refusals each, which share one wait.
  EXPECT_GE(absl::Now() - start, 3 * options.retry_delay);
}

TEST(IngesterTest, NeverRunsFartherAheadOfTheLearnerThanAllowed) {
  MemoryServerOptions options;
  options.learn_events = 7;
  MemoryServer server(options);
  const Client client = *Client::Connect(server.target(), {});
  ASSERT_TRUE(client.PauseLearning().ok());
  IngestOptions paced = Quick();
  paced.max_unlearned_events = 20;
  Ingester ingester(client, paced, nullptr);
  // As much as is allowed is sent, and not one event more, until the learner goes on.
  for (uint64_t i = 1; i <= 25; ++i) ASSERT_TRUE(ingester.Send(TextEvent(i)).ok());
  while (server.events().size() < 20) absl::SleepFor(absl::Milliseconds(5));
  absl::SleepFor(absl::Milliseconds(150));
  EXPECT_EQ(server.events().size(), 20);
  ASSERT_TRUE(client.ResumeLearning().ok());
  for (uint64_t i = 26; i <= 120; ++i) ASSERT_TRUE(ingester.Send(TextEvent(i)).ok());
  ASSERT_TRUE(ingester.Finish().ok());
  ExpectEachStoredOnce(server, 120);
  EXPECT_EQ(server.unlearned_max(), 20);
}

TEST(IngesterTest, CountsWhatWasStoredBeforeAsAheadOfTheLearner) {
  MemoryServer server({});
  const Client client = *Client::Connect(server.target(), {});
  ASSERT_TRUE(client.PauseLearning().ok());
  {
    Ingester before(client, Quick(), nullptr);
    ASSERT_TRUE(SendTexts(&before, 30).ok());
  }
  IngestOptions paced = Quick();
  paced.max_unlearned_events = 25;
  Ingester ingester(client, paced, nullptr);
  ASSERT_TRUE(ingester.Send(TextEvent(1000)).ok());
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(server.events().size(), 30);
  EXPECT_TRUE(ingester.progress().paced);
  ASSERT_TRUE(client.ResumeLearning().ok());
  EXPECT_TRUE(ingester.Finish().ok());
  EXPECT_EQ(server.events().size(), 31);
}

TEST(IngesterTest, ReportsRejectedEventsAndGoesOn) {
  MemoryServer server({});
  Outcomes outcomes;
  Ingester ingester(*Client::Connect(server.target(), {}), Quick(), outcomes.Collector());
  ASSERT_TRUE(ingester.Send(TextEvent(1)).ok());
  v1::Event bad;
  bad.set_event_id("bad");
  ASSERT_TRUE(ingester.Send(bad).ok());
  v1::Event other = TextEvent(1);
  other.set_scene("elsewhere");
  ASSERT_TRUE(ingester.Send(other).ok());
  ASSERT_TRUE(ingester.Send(TextEvent(2)).ok());
  ASSERT_TRUE(ingester.Finish().ok());
  const auto all = outcomes.all();
  ASSERT_EQ(all.size(), 4);
  EXPECT_EQ(all.at(1).error.field(), "percepts");
  EXPECT_EQ(all.at(2).error.code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(all.at(3).outcome, v1::IngestResult::STORED);
  ExpectEachStoredOnce(server, 2);
}

TEST(IngesterTest, GivesUpOneEventThatTheDaemonCannotTakeAndStoresTheOthers) {
  MemoryServerOptions options;
  options.message_bytes_max = 4096;
  MemoryServer server(options);
  Outcomes outcomes;
  Ingester ingester(*Client::Connect(server.target(), {}), Quick(), outcomes.Collector());
  for (uint64_t i = 1; i <= 60; ++i) {
    v1::Event event = TextEvent(i);
    if (i == 25) event.mutable_percepts(0)->mutable_text()->set_text(std::string(10'000, 'a'));
    ASSERT_TRUE(ingester.Send(event).ok());
  }
  const absl::Status status = ingester.Finish();
  ASSERT_TRUE(status.ok()) << status;
  ExpectEachStoredOnce(server, 59);
  const auto all = outcomes.all();
  ASSERT_EQ(all.size(), 60);
  EXPECT_EQ(all.at(24).outcome, v1::IngestResult::REJECTED);
  EXPECT_EQ(all.at(24).error.code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST(IngesterTest, GoesOnWhenTheDaemonComesBack) {
  auto server = std::make_unique<MemoryServer>(MemoryServerOptions{});
  const std::string target = server->target();
  Outcomes outcomes;
  Ingester ingester(*Client::Connect(target, {}), Quick(), outcomes.Collector());
  for (uint64_t i = 1; i <= 20; ++i) ASSERT_TRUE(ingester.Send(TextEvent(i)).ok());
  while (ingester.progress().result_count < 20) absl::SleepFor(absl::Milliseconds(5));
  server.reset();
  for (uint64_t i = 21; i <= 40; ++i) ASSERT_TRUE(ingester.Send(TextEvent(i)).ok());
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(ingester.progress().result_count, 20);
  MemoryServerOptions again;
  again.port = std::stoi(target.substr(target.find(':') + 1));
  server = std::make_unique<MemoryServer>(again);
  ASSERT_TRUE(ingester.Finish().ok());
  EXPECT_EQ(outcomes.Count(v1::IngestResult::STORED), 40);
  ExpectEachStoredOnce(*server, 20);
}

TEST(IngesterTest, GivesUpWhenNobodyAnswersForLong) {
  IngestOptions options = Quick();
  options.give_up_after = absl::Milliseconds(200);
  Ingester ingester(*Client::Connect("127.0.0.1:1", {}), options, nullptr);
  ASSERT_TRUE(ingester.Send(TextEvent(1)).ok());
  const absl::Status status = ingester.Finish();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("1 events are without a result"), absl::string_view::npos);
}

TEST(IngesterTest, CancelledIngestsEndWhateverTheyWaitFor) {
  MemoryServer server({});
  const Client client = *Client::Connect(server.target(), {});
  ASSERT_TRUE(client.PauseLearning().ok());
  IngestOptions paced = Quick();
  paced.max_unlearned_events = 1;
  Ingester ingester(client, paced, nullptr);
  for (uint64_t i = 1; i <= 10; ++i) ASSERT_TRUE(ingester.Send(TextEvent(i)).ok());
  ingester.Cancel();
  EXPECT_TRUE(absl::IsCancelled(ingester.Finish()));
  EXPECT_LE(server.events().size(), 1);
}

TEST(IngesterTest, FinishesWithoutAnyEvent) {
  Ingester ingester(*Client::Connect("127.0.0.1:1", {}), Quick(), nullptr);
  EXPECT_TRUE(ingester.Finish().ok());
  EXPECT_EQ(ingester.Send(TextEvent(1)).code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace mixmatch::client
