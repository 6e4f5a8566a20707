// What a query of several percepts asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::SizeIs;

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
