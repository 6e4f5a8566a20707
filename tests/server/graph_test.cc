// The knowledge graph through the real daemon: found, asked, killed, found again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "mixmatch/v1/graph.grpc.pb.h"
#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kNoLearning[] =
    "episodes: {gap: 1s, lateness: 2s, idle_close: 500ms}\n"
    "learning: {enabled: false}\n"
    "generations: {automatic: false}\n";
constexpr int kThings = 4;
constexpr const char* kWords[kThings] = {"apple", "river", "stone", "cloud"};

// A noisy point near one of four. mt19937 gives the same numbers everywhere.
std::vector<float> Pose(int thing, int i) {
  std::mt19937 own(static_cast<unsigned>(thing + 1));
  std::mt19937 noise(static_cast<unsigned>(1000 + i));
  const auto uniform = [](std::mt19937& random) {
    return static_cast<float>(random()) / 4294967296.0F - 0.5F;
  };
  std::vector<float> values(12);
  for (float& value : values) value = 2 * uniform(own) + 0.4F * uniform(noise);
  return values;
}

class GraphTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(Start()); }

  void Start() {
    ASSERT_NO_FATAL_FAILURE(daemon_.Start());
    stub_ = v1::Graph::NewStub(daemon_.channel());
  }

  // Thing 1 comes three seconds after thing 0; things 2 and 3 come when they like.
  void Fill(int rounds) {
    std::vector<v1::Event> events;
    double time = 0;
    for (int i = 0; i < rounds; ++i) {
      time += 40;
      const double free = time + 12 + (i * 7) % 19;
      AddThing(0, time, events);
      AddThing(1, time + 3, events);
      AddThing(2 + i % 2, free, events);
    }
    const auto results = Spread(Ingest(daemon_, events));
    ASSERT_THAT(results, SizeIs(events.size()));
    last_ = results.back().first_sequence();
  }

  void AddThing(int thing, double time, std::vector<v1::Event>& events) {
    const int i = static_cast<int>(events.size());
    events.push_back(VectorEvent("event" + std::to_string(i), Pose(thing, i), time));
    v1::Percept& word = *events.back().add_percepts();
    word.mutable_text()->set_text(kWords[thing]);
  }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::Graph::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return (stub_.get()->*method)(&context, request, response);
  }

  // Waits until so many episodes are counted.
  v1::ListConceptsResponse Counted(uint64_t episodes) {
    v1::ListConceptsResponse response;
    for (int i = 0; i < 600; ++i) {
      const grpc::Status status = Call(&v1::Graph::Stub::ListConcepts, {}, &response);
      if (status.ok() && response.episode_count() >= episodes) return response;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "not counted: " << response.ShortDebugString();
    return response;
  }

  uint64_t ConceptOf(const std::vector<float>& pose) {
    v1::GetConceptRequest request;
    v1::Percept& percept = *request.mutable_target()->mutable_percepts()->add_percepts();
    percept.set_modality("pose");
    percept.mutable_vector()->mutable_values()->Add(pose.begin(), pose.end());
    v1::GetConceptResponse response;
    const grpc::Status status = Call(&v1::Graph::Stub::GetConcept, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.node().concept_id();
  }

  TestDaemon daemon_{kNoLearning};
  std::unique_ptr<v1::Graph::Stub> stub_;
  uint64_t last_ = 0;
};

TEST_F(GraphTest, SaysWhatItLacksBeforeThereIsEnough) {
  v1::ListConceptsResponse response;
  const grpc::Status status = Call(&v1::Graph::Stub::ListConcepts, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("closed episodes"));
}

TEST_F(GraphTest, FindsThingsAndWhatFollowsThemAndKeepsTheirNumbers) {
  Fill(120);
  const v1::ListConceptsResponse concepts = Counted(355);
  std::vector<uint64_t> of;
  for (int thing = 0; thing < kThings; ++thing) of.push_back(ConceptOf(Pose(thing, 5000)));
  EXPECT_THAT(std::set<uint64_t>(of.begin(), of.end()), SizeIs(kThings));

  v1::ListAssociationsRequest list;
  list.set_kind(v1::Association::SUCCESSION);
  v1::ListAssociationsResponse found;
  ASSERT_TRUE(Call(&v1::Graph::Stub::ListAssociations, list, &found).ok());
  ASSERT_THAT(found.associations(), SizeIs(testing::Ge(1)));
  EXPECT_EQ(found.associations(0).from(), of[0]);
  EXPECT_EQ(found.associations(0).to(), of[1]);

  v1::PredictNextRequest after;
  after.mutable_target()->set_concept_id(of[0]);
  v1::PredictNextResponse next;
  ASSERT_TRUE(Call(&v1::Graph::Stub::PredictNext, after, &next).ok());
  ASSERT_THAT(next.next(), SizeIs(testing::Ge(1)));
  EXPECT_EQ(next.next(0).node().concept_id(), of[1]);
  EXPECT_GT(next.next(0).probability(), 0.95);
  EXPECT_NEAR(
      static_cast<double>(next.next(0).delay().seconds()) + 1e-9 * next.next(0).delay().nanos(), 3,
      0.6);

  v1::AssociateRequest associate;
  associate.mutable_target()->set_concept_id(of[0]);
  associate.add_modalities("pose");
  v1::AssociateResponse activated;
  ASSERT_TRUE(Call(&v1::Graph::Stub::Associate, associate, &activated).ok());
  ASSERT_THAT(activated.activated(), SizeIs(testing::Ge(1)));
  std::set<uint64_t> minds;
  for (const auto& one : activated.activated()) {
    minds.insert(one.node().concept_id());
    ASSERT_THAT(one.path(), SizeIs(testing::Ge(1)));
    EXPECT_EQ(one.path(0).from(), of[0]);
    EXPECT_EQ(one.path(one.path_size() - 1).to(), one.node().concept_id());
  }
  EXPECT_TRUE(minds.contains(of[1]));

  v1::GetTimelineRequest when;
  when.mutable_target()->set_concept_id(of[2]);
  when.set_parts(10);
  v1::GetTimelineResponse timeline;
  ASSERT_TRUE(Call(&v1::Graph::Stub::GetTimeline, when, &timeline).ok());
  ASSERT_THAT(timeline.parts(), SizeIs(10));
  uint64_t sum = 0;
  for (const auto& part : timeline.parts()) sum += part.count();
  EXPECT_GE(sum, 60U);

  // Killed and started again, it is the same graph.
  daemon_.Kill();
  ASSERT_NO_FATAL_FAILURE(Start());
  const v1::ListConceptsResponse again = Counted(concepts.episode_count());
  EXPECT_EQ(again.concepts_size(), concepts.concepts_size());
  for (int thing = 0; thing < kThings; ++thing) {
    EXPECT_EQ(ConceptOf(Pose(thing, 5000)), of[static_cast<size_t>(thing)]);
  }
  v1::ListAssociationsResponse same;
  ASSERT_TRUE(Call(&v1::Graph::Stub::ListAssociations, list, &same).ok());
  ASSERT_EQ(same.associations_size(), found.associations_size());
  for (int i = 0; i < same.associations_size(); ++i) {
    EXPECT_EQ(same.associations(i).from(), found.associations(i).from());
    EXPECT_EQ(same.associations(i).to(), found.associations(i).to());
    EXPECT_EQ(same.associations(i).count(), found.associations(i).count());
    EXPECT_NEAR(same.associations(i).strength(), found.associations(i).strength(), 1e-6);
  }
}

TEST_F(GraphTest, WhatIsWrongIsNamed) {
  Fill(20);
  Counted(50);
  v1::GetConceptRequest request;
  v1::GetConceptResponse response;
  EXPECT_EQ(Call(&v1::Graph::Stub::GetConcept, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.mutable_target()->set_concept_id(4242);
  const grpc::Status none = Call(&v1::Graph::Stub::GetConcept, request, &response);
  EXPECT_EQ(none.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(none.error_message(), HasSubstr("4242"));
  v1::ListAssociationsRequest list;
  list.set_limit(1'000'000);
  v1::ListAssociationsResponse listed;
  EXPECT_EQ(Call(&v1::Graph::Stub::ListAssociations, list, &listed).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace mixmatch
