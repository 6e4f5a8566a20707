// What a query of several percepts asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// Some megabytes of grey pixels.
v1::Event LargePicture(int number, uint32_t side_px) {
  v1::Event event = TextEvent("picture" + std::to_string(number), "unused", number);
  v1::Percept& percept = *event.mutable_percepts(0);
  percept.Clear();
  percept.mutable_image()->set_media_type("image/raw");
  percept.mutable_image()->set_width_px(side_px);
  percept.mutable_image()->set_height_px(side_px);
  percept.mutable_image()->set_channel_count(1);
  percept.mutable_image()->set_data(
      std::string(size_t{side_px} * side_px, static_cast<char>(number + 1)));
  return event;
}

TEST(RecallTest, PagesOfPayloadsEndEarly) {
  constexpr int kEvents = 10;
  constexpr uint32_t kSide = 2600;  // 6.8 MB: six of them are more than a page has
  TestDaemon daemon("learning: {enabled: false}\n");
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  for (int i = 0; i < kEvents; ++i) {
    const auto results = Ingest(daemon, {LargePicture(i, kSide)});
    ASSERT_EQ(results.size(), 1u);
    ASSERT_EQ(results[0].outcome(), v1::IngestResult::STORED) << results[0].error().message();
  }
  v1::ListEventsRequest list;
  list.set_page_size(100);
  list.set_view(v1::FULL);
  uint64_t last = 0;
  std::vector<int> pages;
  do {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListEventsResponse page;
    ASSERT_TRUE(daemon.memory().ListEvents(&context, list, &page).ok());
    for (const v1::StoredEvent& event : page.events()) {
      EXPECT_GT(event.sequence(), last);
      last = event.sequence();
      EXPECT_EQ(event.event().percepts(0).image().data().size(), size_t{kSide} * kSide);
    }
    pages.push_back(page.events_size());
    list.set_page_token(page.next_page_token());
  } while (!list.page_token().empty() && pages.size() < kEvents);
  EXPECT_THAT(pages, ElementsAre(5, 5));
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

TEST(RecallTest, PartsWeighByHowNearTheNearestOfTheirModalityIs) {
  TestDaemon daemon;
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  std::vector<v1::Event> events;
  for (int i = 0; i < 10; ++i) {
    events.push_back(VectorEvent("pose" + std::to_string(i), {1.0F * static_cast<float>(i), 1}, i));
    events.push_back(TextEvent("word" + std::to_string(i), "word" + std::to_string(i), i));
  }
  Ingest(daemon, events);
  daemon.AwaitWatermarks([](const v1::Watermarks& w) { return w.recallable() >= 20; });
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
  // Each part weighs by how near the nearest of its own modality is: nearly all of it where a word
  // is known, were it stored once. The less, the farther they are apart.
  v1::Percept word;
  word.mutable_text()->set_text("word4");
  for (const float value : {7.0F, 7.1F, 7.5F, -20.0F}) {
    v1::Percept pose;
    pose.set_modality("pose");
    pose.mutable_vector()->add_values(value);
    pose.mutable_vector()->add_values(1);
    const v1::Embedding parts[] = {embed({word}), embed({pose})};
    double distance[2] = {};
    for (int part = 0; part < 2; ++part) {
      v1::RecallRequest request;
      *request.mutable_query()->mutable_embedding() = parts[part];
      request.add_modalities(part == 0 ? "text" : "pose");
      request.set_k(1);
      distance[part] = std::max(0.0, 1.0 - recall(request).experiences(0).similarity());
    }
    EXPECT_NEAR(distance[0], 0, 1e-5);
    v1::RecallRequest by_point;
    v1::Embedding& point = *by_point.mutable_query()->mutable_embedding();
    double cosine = 0;
    for (int i = 0; i < parts[0].values_size(); ++i) {
      cosine += static_cast<double>(parts[0].values(i)) * parts[1].values(i);
    }
    const double common = 0.0003 + 0.05 * (1 - cosine) * (1 - cosine);
    const auto share =
        static_cast<float>(std::pow((distance[0] + common) / (distance[1] + common), 2));
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
}

}  // namespace
}  // namespace mixmatch
