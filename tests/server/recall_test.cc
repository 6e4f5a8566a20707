// What a query of several percepts asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// A series of some megabytes.
v1::Event LongSeries(int number, int values) {
  v1::Event event = TextEvent("series" + std::to_string(number), "unused", number);
  event.clear_percepts();
  v1::Percept& percept = *event.add_percepts();
  percept.set_modality("current");
  percept.mutable_series()->set_rate_hz(1000);
  for (int i = 0; i < values; ++i) {
    percept.mutable_series()->add_values(static_cast<float>((i * (number + 3)) % 97));
  }
  return event;
}

TEST(RecallTest, PagesOfPayloadsEndEarlyAndAnswersOfTooManyAreRefused) {
  constexpr int kEvents = 16;
  constexpr int kValues = 3'500'000;  // 14 MB
  TestDaemon daemon("learning: {enabled: false}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  for (int i = 0; i < kEvents; ++i) Ingest(daemon, {LongSeries(i, kValues)});
  daemon.AwaitWatermarks([](const v1::Watermarks& w) { return w.recallable() >= kEvents; });
  v1::ListEventsRequest list;
  list.set_page_size(100);
  list.set_view(v1::FULL);
  int events = 0;
  int pages = 0;
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListEventsResponse page;
    ASSERT_TRUE(daemon.memory().ListEvents(&context, list, &page).ok());
    EXPECT_LE(page.ByteSizeLong(), size_t{64} << 20);
    for (const v1::StoredEvent& event : page.events()) {
      EXPECT_EQ(event.sequence(), static_cast<uint64_t>(++events));
      EXPECT_EQ(event.event().percepts(0).series().values_size(), kValues);
    }
    list.set_page_token(page.next_page_token());
    ++pages;
  } while (!list.page_token().empty() && pages < 2 * kEvents);
  EXPECT_EQ(events, kEvents);
  EXPECT_GT(pages, 3);

  v1::RecallRequest recall;
  recall.mutable_query()->mutable_event()->set_source("test");
  recall.mutable_query()->mutable_event()->set_event_id("series0");
  recall.add_modalities("current");
  recall.set_k(kEvents);
  for (const v1::View view : {v1::BASIC, v1::FULL}) {
    recall.set_view(view);
    grpc::ClientContext context;
    SetDeadline(context);
    v1::RecallResponse response;
    const grpc::Status status = daemon.memory().Recall(&context, recall, &response);
    if (view == v1::BASIC) {
      ASSERT_TRUE(status.ok()) << status.error_message();
      EXPECT_THAT(response.experiences(), SizeIs(kEvents - 1));
    } else {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
      EXPECT_THAT(status.error_message(), HasSubstr("view"));
    }
  }
}

TEST(RecallTest, ModalitiesThatNobodyStoredAreNotAskedWith) {
  TestDaemon daemon("learning: {enabled: false}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  v1::EmbedRequest request;
  request.mutable_percepts()->add_percepts()->mutable_text()->set_text("a word");
  const auto embed = [&] {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::EmbedResponse response;
    return daemon.memory().Embed(&context, request, &response);
  };
  EXPECT_TRUE(embed().ok());  // text is text, also before there is any
  request.mutable_percepts()->mutable_percepts(0)->set_modality("smell");
  EXPECT_EQ(embed().error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(embed().error_message(), HasSubstr("smell"));
  v1::Event smell = TextEvent("first", "smoke", 1);
  smell.mutable_percepts(0)->set_modality("smell");
  Ingest(daemon, {smell});
  EXPECT_TRUE(embed().ok());
}

TEST(RecallTest, PartsWeighByHowNearTheirNeighboursAre) {
  TestDaemon daemon;
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  std::vector<v1::Event> events;
  for (int i = 0; i < 10; ++i) {
    events.push_back(VectorEvent("pose" + std::to_string(i), {1.0F * static_cast<float>(i), 1}, i));
    events.push_back(TextEvent("word" + std::to_string(i), "word" + std::to_string(i), i));
  }
  Ingest(daemon, events);
  daemon.AwaitWatermarks([](const v1::Watermarks& w) { return w.recallable() >= 20; });
  v1::Percept word;
  word.mutable_text()->set_text("word4");
  v1::Percept pose;
  pose.set_modality("pose");
  for (const float value : {7.0F, 1.0F}) pose.mutable_vector()->add_values(value);
  const auto embed = [&daemon](const std::vector<v1::Percept>& percepts) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::EmbedRequest request;
    for (const v1::Percept& percept : percepts) {
      *request.mutable_percepts()->add_percepts() = percept;
    }
    v1::EmbedResponse response;
    EXPECT_TRUE(daemon.memory().Embed(&context, request, &response).ok());
    return response.embedding();
  };
  const auto recall = [&daemon](const v1::RecallRequest& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::RecallResponse response;
    EXPECT_TRUE(daemon.memory().Recall(&context, request, &response).ok());
    return response;
  };
  // Each part weighs by how near its ten neighbours are.
  const v1::Embedding parts[] = {embed({word}), embed({pose})};
  double nearness[2] = {};
  for (int part = 0; part < 2; ++part) {
    v1::RecallRequest request;
    *request.mutable_query()->mutable_embedding() = parts[part];
    request.add_modalities("text");
    request.set_k(10);
    const v1::RecallResponse near = recall(request);
    for (const v1::Experience& one : near.experiences()) nearness[part] += one.similarity();
    nearness[part] /= near.experiences_size();
  }
  v1::RecallRequest by_point;
  v1::Embedding& point = *by_point.mutable_query()->mutable_embedding();
  const auto share = static_cast<float>(std::exp((nearness[1] - nearness[0]) / 0.1));
  for (int i = 0; i < parts[0].values_size(); ++i) {
    point.add_values(parts[0].values(i) + share * parts[1].values(i));
  }
  v1::RecallRequest by_percepts;
  *by_percepts.mutable_query()->mutable_percepts()->add_percepts() = word;
  *by_percepts.mutable_query()->mutable_percepts()->add_percepts() = pose;
  for (v1::RecallRequest* const request : {&by_point, &by_percepts}) {
    request->add_modalities("text");
    request->set_k(5);
  }
  const v1::RecallResponse expected = recall(by_point);
  const v1::RecallResponse found = recall(by_percepts);
  ASSERT_THAT(found.experiences(), SizeIs(5));
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(found.experiences(i).similarity(), expected.experiences(i).similarity(), 1e-4);
  }
}

}  // namespace
}  // namespace mixmatch
