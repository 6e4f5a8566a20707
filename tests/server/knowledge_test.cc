// Skills and the graph over five generations: the same as made anew from what is stored.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>

#include "mixmatch/v1/graph.grpc.pb.h"
#include "skills_fixture.h"

namespace mixmatch {
namespace {

using Edge = std::tuple<uint64_t, uint64_t, int>;  // from, to, kind

class KnowledgeTest : public SkillsTest {
 protected:
  // Learns what was stored and publishes it. Returns whether the gate let it pass.
  bool Publish() {
    daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 120);
    return daemon_.Publish().phase() == v1::PublishGenerationResponse::PUBLISHED;
  }

  // Waits until the graph of `generation` has counted so many episodes; then all its associations.
  std::map<Edge, v1::Association> Associations(uint64_t generation, uint64_t episodes) {
    const auto graph = v1::Graph::NewStub(daemon_.channel());
    for (int i = 0; i < 1200; ++i) {
      grpc::ClientContext context;
      SetDeadline(context);
      v1::ListConceptsResponse concepts;
      const grpc::Status status = graph->ListConcepts(&context, {}, &concepts);
      if (status.ok() && concepts.generation() == generation &&
          concepts.episode_count() >= episodes) {
        break;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListAssociationsRequest request;
    request.set_limit(1000);
    v1::ListAssociationsResponse response;
    const grpc::Status status = graph->ListAssociations(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::map<Edge, v1::Association> found;
    for (const v1::Association& one : response.associations()) {
      found[{one.from(), one.to(), one.kind()}] = one;
    }
    return found;
  }
};

TEST_F(KnowledgeTest, AfterFivePublishesItIsWhatARebuildMakes) {
  Fill(0, 60);
  ASSERT_TRUE(Create("kind", v1::Skill::LABEL, v1::Skill::EMBEDDING).ok());
  int published = 0;
  int stored = 60;
  for (int round = 0; round < 10 && published < 5; ++round) {
    TeachAll("kind");
    published += Publish();
    Fill(stored, stored + 60);
    stored += 60;
  }
  ASSERT_EQ(published, 5);
  // What came last closed after the generation went live: it was counted on top.
  Fill(stored, stored + 10);
  stored += 10;
  TeachAll("kind");
  Settled("kind");
  const uint64_t generation = PredictPose("kind", Pose(5000)).generation();
  const auto episodes = static_cast<uint64_t>(stored);
  const auto counted = Associations(generation, episodes);
  EXPECT_FALSE(counted.empty());
  const auto answers = Answers("kind");

  daemon_.Kill();
  ASSERT_NO_FATAL_FAILURE(Restart());
  Settled("kind");
  ExpectSame(Answers("kind"), answers);
  // And taught by another skill, the other way round.
  ASSERT_TRUE(Create("again", v1::Skill::LABEL, v1::Skill::EMBEDDING).ok());
  for (int i = stored - 1; i >= 0; --i) ASSERT_TRUE(TeachEvent("again", i, KindOf(i)).ok());
  Settled("again");
  ExpectSame(Answers("again"), answers);
  const auto anew = Associations(generation, episodes);
  ASSERT_EQ(anew.size(), counted.size());
  for (const auto& [edge, one] : counted) {
    ASSERT_TRUE(anew.contains(edge)) << one.ShortDebugString();
    EXPECT_EQ(anew.at(edge).count(), one.count());
    EXPECT_NEAR(anew.at(edge).strength(), one.strength(), 1e-6 * (1 + one.strength()));
  }
}

}  // namespace
}  // namespace mixmatch
