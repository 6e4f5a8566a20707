// A query of several percepts: the point that it is asked with is the one that its parts make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::SizeIs;

v1::Percept Vector(const std::string& modality, const std::vector<float>& values) {
  v1::Percept percept;
  percept.set_modality(modality);
  percept.mutable_vector()->mutable_values()->Add(values.begin(), values.end());
  return percept;
}

v1::Percept Text(const std::string& text) {
  v1::Percept percept;
  percept.mutable_text()->set_text(text);
  return percept;
}

std::string ModalityOf(const v1::Percept& percept) {
  return percept.modality().empty() ? "text" : percept.modality();
}

class QueryPartsTest : public ::testing::Test {
 protected:
  void Start(const std::string& config) {
    daemon_.Configure(config);
    daemon_.Start();
  }

  v1::Embedding Embed(const v1::Percept& percept) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::EmbedRequest request;
    *request.mutable_percepts()->add_percepts() = percept;
    v1::EmbedResponse response;
    EXPECT_TRUE(daemon_.memory().Embed(&context, request, &response).ok());
    return response.embedding();
  }

  // Similarities of the five nearest, or of as many as there are.
  std::vector<double> Recall(const v1::Query& query, const std::string& modality) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::RecallRequest request;
    *request.mutable_query() = query;
    request.add_modalities(modality);
    request.set_k(5);
    v1::RecallResponse response;
    const grpc::Status status = daemon_.memory().Recall(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::vector<double> similarities;
    for (const v1::Experience& found : response.experiences()) {
      similarities.push_back(found.similarity());
    }
    return similarities;
  }

  // 1 - cosine of the nearest percept of its own modality.
  double DistanceOf(const v1::Percept& percept) {
    v1::Query query;
    *query.mutable_embedding() = Embed(percept);
    return std::max(0.0, 1.0 - Recall(query, ModalityOf(percept)).at(0));
  }

  // What answers to percepts together.
  std::vector<double> RecallBy(const std::vector<v1::Percept>& percepts,
                               const std::string& modality) {
    v1::Query query;
    for (const v1::Percept& percept : percepts) {
      *query.mutable_percepts()->add_percepts() = percept;
    }
    return Recall(query, modality);
  }

  // What answers to the middle of the points of two percepts, where what they are off by if they
  // disagree is shared out by `offsets`.
  std::vector<double> RecallByMiddle(const std::vector<v1::Percept>& percepts,
                                     const std::vector<double>& offsets,
                                     const std::string& modality) {
    std::vector<v1::Embedding> parts;
    std::vector<double> distances;
    for (const v1::Percept& percept : percepts) {
      parts.push_back(Embed(percept));
      distances.push_back(DistanceOf(percept));
    }
    double cosine = 0;
    for (int i = 0; i < parts[0].values_size(); ++i) {
      cosine += static_cast<double>(parts[0].values(i)) * parts[1].values(i);
    }
    const double apart = (1 - cosine) * (1 - cosine);
    v1::Query query;
    const auto off = [&](size_t part) {
      return distances[part] + 0.0003 + 0.05 * apart * offsets[part];
    };
    const double share = std::pow(off(0) / off(1), 2);
    for (int i = 0; i < parts[0].values_size(); ++i) {
      const double value = parts[0].values(i) + share * parts[1].values(i);
      query.mutable_embedding()->add_values(static_cast<float>(value));
    }
    return Recall(query, modality);
  }

  TestDaemon daemon_;
};

void ExpectNear(const std::vector<double>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-4);
}

// Each part weighs by how near the nearest of its own modality is: nearly all of it where a word is
// known, were it stored once. The less, the farther they are apart.
TEST_F(QueryPartsTest, WeighByHowNearTheNearestOfTheirModalityIs) {
  ASSERT_NO_FATAL_FAILURE(Start(""));
  std::vector<v1::Event> events;
  for (int i = 0; i < 10; ++i) {
    events.push_back(VectorEvent("pose" + std::to_string(i), {1.0F * static_cast<float>(i), 1}, i));
    events.push_back(TextEvent("word" + std::to_string(i), "word" + std::to_string(i), i));
  }
  Ingest(daemon_, events);
  daemon_.AwaitWatermarks([](const v1::Watermarks& w) { return w.recallable() >= 20; });
  EXPECT_NEAR(DistanceOf(Text("word4")), 0, 1e-5);
  for (const float value : {7.0F, 7.1F, 7.5F, -20.0F}) {
    const std::vector<v1::Percept> percepts = {Text("word4"), Vector("pose", {value, 1})};
    const std::vector<double> found = RecallBy(percepts, "text");
    ASSERT_THAT(found, SizeIs(5));
    ExpectNear(found, RecallByMiddle(percepts, {1, 1}, "text"));
  }
}

// Poses that say what word it is, and gazes that say it half of the time.
TEST_F(QueryPartsTest, WhereTheyDisagreeWeighByHowNearTheirModalityIsToItsPartners) {
  constexpr int kEpisodes = 240;
  constexpr uint64_t kSteps = 80;  // by then poses are near to their words
  ASSERT_NO_FATAL_FAILURE(
      Start("seed: 5\n"
            "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
            "learning: {flush_after: 300ms, consolidate_when_idle: false}\n"
            "generations: {automatic: false, probe_share: 0.3}\n"));
  std::vector<v1::Event> events;
  for (int i = 0; i < kEpisodes; ++i) {
    const std::string id = std::to_string(i);
    const auto kind = static_cast<float>(i % 5);
    const auto seen = static_cast<float>((i % 2 == 0 ? i : i / 5) % 5);
    events.push_back(VectorEvent("pose" + id, {kind, 4 - kind, 1}, i));
    events.push_back(VectorEvent("gaze" + id, {1, seen, 2, 4 - seen}, i));
    events.back().mutable_percepts(0)->set_modality("gaze");
    events.push_back(TextEvent("text" + id, "word" + std::to_string(i % 5), i));
  }
  Ingest(daemon_, events);
  for (int waited = 0; waited < 6000 && daemon_.GetStatus().learning().steps_total() < 15;
       ++waited) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  daemon_.AwaitWatermarks([](const v1::Watermarks& w) { return w.recallable() >= 3 * kEpisodes; });
  daemon_.Consolidate(kSteps);
  const v1::PublishGenerationResponse published = daemon_.Publish();
  ASSERT_EQ(published.phase(), v1::PublishGenerationResponse::PUBLISHED)
      << published.ShortDebugString();
  const v1::Generation serving = daemon_.GetStatus().serving();
  std::map<std::pair<std::string, std::string>, double> measured;
  for (const v1::PartnerDistance& distance : serving.partner_distances()) {
    EXPECT_GE(distance.probe_count(), 8U);
    measured[{distance.from(), distance.to()}] = distance.mean();
  }
  ASSERT_THAT(measured, SizeIs(6)) << serving.ShortDebugString();
  const double pose = measured[{"pose", "text"}];
  const double gaze = measured[{"gaze", "text"}];
  EXPECT_LT(pose, gaze / 2);
  const double middle = std::sqrt(pose * gaze);
  double turned = 0;
  for (const float kind : {0.0F, 2.0F, 4.0F}) {
    const std::vector<v1::Percept> percepts = {Vector("pose", {kind + 0.2F, 4 - kind, 1}),
                                               Vector("gaze", {1, 4 - kind, 2, kind + 0.1F})};
    const std::vector<double> found = RecallBy(percepts, "text");
    ASSERT_THAT(found, SizeIs(5));
    ExpectNear(found, RecallByMiddle(percepts, {pose / middle, gaze / middle}, "text"));
    turned = std::max(turned, std::abs(found[0] - RecallByMiddle(percepts, {1, 1}, "text")[0]));
  }
  EXPECT_GT(turned, 0.01);  // far more than what is taken for equal
}

}  // namespace
}  // namespace mixmatch
