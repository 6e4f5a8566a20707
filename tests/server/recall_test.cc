// What a query of several percepts asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::SizeIs;

TEST(RecallTest, AMixtureIsAskedForTogetherAndByItsParts) {
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
  const v1::Embedding together = embed({word, pose});
  const v1::Embedding parts[] = {embed({word}), embed({pose})};
  v1::RecallRequest by_point;
  v1::Embedding& point = *by_point.mutable_query()->mutable_embedding();
  for (int i = 0; i < together.values_size(); ++i) {
    point.add_values(together.values(i) + (parts[0].values(i) + parts[1].values(i)) / 2);
  }
  v1::RecallRequest by_percepts;
  *by_percepts.mutable_query()->mutable_percepts()->add_percepts() = word;
  *by_percepts.mutable_query()->mutable_percepts()->add_percepts() = pose;
  for (v1::RecallRequest* const request : {&by_point, &by_percepts}) {
    request->add_modalities("text");
    request->set_k(5);
  }
  const auto recall = [&daemon](const v1::RecallRequest& request) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::RecallResponse response;
    EXPECT_TRUE(daemon.memory().Recall(&context, request, &response).ok());
    return response;
  };
  const v1::RecallResponse expected = recall(by_point);
  const v1::RecallResponse found = recall(by_percepts);
  ASSERT_THAT(found.experiences(), SizeIs(5));
  for (int i = 0; i < 5; ++i) {
    EXPECT_NEAR(found.experiences(i).similarity(), expected.experiences(i).similarity(), 1e-4);
  }
}

}  // namespace
}  // namespace mixmatch
