// Bad input never hurts: each malformed event gets an error that names its field, and the good
// events of the same stream are all stored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Case {
  const char* name;
  v1::Event event;
  const char* field;
  const char* message;  // part of it
  int code = 3;         // INVALID_ARGUMENT
};

std::string Wav(uint32_t declared_bytes, const std::string& samples) {
  const auto number = [](uint32_t value, int bytes) {
    std::string out;
    for (int i = 0; i < bytes; ++i) out += static_cast<char>((value >> (8 * i)) & 0xff);
    return out;
  };
  return "RIFF" + number(36 + declared_bytes, 4) + "WAVEfmt " + number(16, 4) + number(1, 2) +
         number(1, 2) + number(8000, 4) + number(16000, 4) + number(2, 2) + number(16, 2) + "data" +
         number(declared_bytes, 4) + samples;
}

v1::Event With(const std::string& id, const std::function<void(v1::Percept&)>& set) {
  v1::Event event = TextEvent(id, "x", 10);
  event.mutable_percepts(0)->clear_text();
  set(*event.mutable_percepts(0));
  return event;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  v1::Event event = TextEvent("no-percept", "x", 10);
  event.clear_percepts();
  cases.push_back({"no percept", event, "percepts", "no percept"});
  cases.push_back({"unknown payload", With("unknown", [](v1::Percept&) {}), "percepts[0].payload",
                   "no known payload"});
  cases.push_back({"broken PNG",
                   With("png",
                        [](v1::Percept& p) {
                          p.mutable_image()->set_data("\x89PNG\r\n\x1a\nthis is no picture");
                        }),
                   "percepts[0].image.data", ""});
  cases.push_back({"WAV of 3 GB",
                   With("wav",
                        [](v1::Percept& p) {
                          p.mutable_audio()->set_data(Wav(3'000'000'000U, std::string(400, 'a')));
                        }),
                   "percepts[0].audio.data", ""});
  cases.push_back({"NaN vector",
                   With("nan",
                        [](v1::Percept& p) {
                          p.set_modality("pose");
                          p.mutable_vector()->add_values(std::numeric_limits<float>::quiet_NaN());
                          p.mutable_vector()->add_values(1);
                          p.mutable_vector()->add_values(1);
                        }),
                   "percepts[0].vector.values", "not finite"});
  cases.push_back(
      {"another dimension", VectorEvent("dimension", {1, 2, 3, 4}, 10), "percepts[0]", "pose"});
  cases.push_back({"empty id", TextEvent("", "x", 10), "event_id", "empty"});
  event = TextEvent("future", "x", 10);
  event.mutable_time()->set_seconds(std::time(nullptr) + int64_t{25} * 3600);
  cases.push_back({"a day ahead", event, "time", "ahead"});
  event = TextEvent("no-time", "x", 10);
  event.clear_time();
  cases.push_back({"no time", event, "time", "absent"});
  event = TextEvent("metadata", "x", 10);
  (*event.mutable_metadata())["note"] = std::string(1 << 20, 'm');
  cases.push_back({"metadata of 1 MB", event, "metadata", "1048580 bytes"});
  cases.push_back({"video", With("video", [](v1::Percept& p) { p.mutable_video()->set_data("v"); }),
                   "percepts[0].video", "not supported yet"});
  cases.push_back({"modality name",
                   With("name",
                        [](v1::Percept& p) {
                          p.set_modality("Left Camera");
                          p.mutable_text()->set_text("x");
                        }),
                   "percepts[0].modality", "[a-z0-9_.-]"});
  cases.push_back({"kind of a modality",
                   With("kind",
                        [](v1::Percept& p) {
                          p.set_modality("pose");
                          p.mutable_text()->set_text("x");
                        }),
                   "percepts[0]", "pose"});
  cases.push_back({"other content under the same id", TextEvent("good0", "something else", 10),
                   "event_id", "", 6});
  return cases;
}

TEST(MalformedTest, NamesTheFieldAndStoresTheGoodEventsOfTheStream) {
  TestDaemon daemon;
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  const std::vector<Case> cases = Cases();
  std::vector<v1::Event> events = {VectorEvent("register", {1, 2, 3}, 9),
                                   TextEvent("good0", "fine", 10)};
  for (size_t i = 0; i < cases.size(); ++i) {
    events.push_back(cases[i].event);
    events.push_back(TextEvent("good" + std::to_string(i + 1), "fine", 10));
  }
  const auto results = Spread(Ingest(daemon, events));
  ASSERT_THAT(results, SizeIs(events.size()));
  EXPECT_EQ(results[0].outcome(), v1::IngestResult::STORED);
  EXPECT_EQ(results[1].outcome(), v1::IngestResult::STORED);
  for (size_t i = 0; i < cases.size(); ++i) {
    const v1::IngestResult& bad = results[2 + 2 * i];
    const v1::IngestResult& good = results[3 + 2 * i];
    EXPECT_EQ(bad.outcome(), v1::IngestResult::REJECTED) << cases[i].name;
    EXPECT_EQ(bad.error().code(), cases[i].code) << cases[i].name << bad.error().message();
    EXPECT_THAT(bad.error().field(), HasSubstr(cases[i].field)) << cases[i].name;
    EXPECT_THAT(bad.error().message(), HasSubstr(cases[i].message)) << cases[i].name;
    EXPECT_FALSE(bad.error().message().empty()) << cases[i].name;
    EXPECT_EQ(good.outcome(), v1::IngestResult::STORED) << "after " << cases[i].name;
  }
  EXPECT_EQ(daemon.GetStatus().event_count(), cases.size() + 2);
}

TEST(MalformedTest, EndsTheStreamForAMessageOverTheLimitAndKeepsWhatWasAcknowledged) {
  TestDaemon daemon("limits: {message_bytes: 1MiB}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = daemon.memory().Ingest(&context);
  v1::IngestRequest request;
  *request.mutable_event() = TextEvent("before", "fine", 1);
  ASSERT_TRUE(stream->Write(request));
  v1::IngestResponse response;
  do {
    ASSERT_TRUE(stream->Read(&response));
  } while (response.results().empty());
  EXPECT_EQ(response.results(0).outcome(), v1::IngestResult::STORED);

  *request.mutable_event() = TextEvent("huge", "x", 2);
  request.mutable_event()->mutable_percepts(0)->mutable_audio()->set_data(
      std::string(2 << 20, 'a'));
  stream->Write(request);
  stream->WritesDone();
  while (stream->Read(&response)) {
    for (const auto& result : response.results()) EXPECT_NE(result.first_index(), 1U);
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << status.error_message();

  EXPECT_EQ(daemon.GetStatus().event_count(), 1U);
  const auto again = Spread(Ingest(daemon, {TextEvent("before", "fine", 1)}));
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].outcome(), v1::IngestResult::DUPLICATE);
}

TEST(MalformedTest, RefusesQueriesThatMakeNoSense) {
  TestDaemon daemon;
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  Ingest(daemon, {TextEvent("a", "fine", 1)});
  const auto code = [&daemon](const std::function<void(v1::RecallRequest&)>& change) {
    v1::RecallRequest request;
    request.mutable_query()->mutable_percepts()->add_percepts()->mutable_text()->set_text("x");
    request.add_modalities("text");
    change(request);
    grpc::ClientContext context;
    v1::RecallResponse response;
    return daemon.memory().Recall(&context, request, &response).error_code();
  };
  EXPECT_EQ(code([](v1::RecallRequest&) {}), grpc::StatusCode::OK);
  EXPECT_EQ(code([](v1::RecallRequest& r) { r.clear_query(); }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](v1::RecallRequest& r) { r.set_k(100'000); }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](v1::RecallRequest& r) {
              r.mutable_query()->mutable_percepts()->mutable_percepts(0)->mutable_image()->set_data(
                  "no picture");
            }),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(code([](v1::RecallRequest& r) { r.mutable_filter()->add_metadata(); }),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace mixmatch
