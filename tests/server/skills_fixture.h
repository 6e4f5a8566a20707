// A daemon with skills, and the poses that they are taught with.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "mixmatch/v1/skills.grpc.pb.h"
#include "test_daemon.h"

namespace mixmatch {

inline constexpr char kQuickSkills[] =
    "episodes: {gap: 500ms, lateness: 500ms, idle_close: 500ms}\n"
    "learning: {flush_after: 300ms, consolidate_when_idle: false}\n"
    "generations: {automatic: false}\n";
inline constexpr int kKinds = 5;

// A noisy point near one of five.
inline std::vector<float> Pose(int i) {
  std::vector<float> values(12);
  for (size_t c = 0; c < values.size(); ++c) {
    const auto kind = static_cast<float>(i % kKinds + 1);
    values[c] = std::cos(kind * static_cast<float>(c + 1)) +
                0.2F * std::sin(static_cast<float>(i) * 1.7F + static_cast<float>(c) * 2.3F);
  }
  return values;
}

inline std::string KindOf(int i) { return std::string("kind") + std::to_string(i % kKinds); }

class SkillsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(daemon_.Start());
    Connect();
  }

  void Connect() { stub_ = v1::Skills::NewStub(daemon_.channel()); }

  void Restart() {
    ASSERT_NO_FATAL_FAILURE(daemon_.Start());
    Connect();
  }

  // Poses [begin, end), two seconds apart, with their kind in the metadata.
  void Fill(int begin, int end) {
    std::vector<v1::Event> events;
    for (int i = begin; i < end; ++i) {
      events.push_back(VectorEvent("pose" + std::to_string(i), Pose(i), 2.0 * i));
      (*events.back().mutable_metadata())["kind"] = KindOf(i);
      (*events.back().mutable_metadata())["number"] = std::to_string(i % kKinds * 1.5);
      events.push_back(TextEvent("word" + std::to_string(i), KindOf(i), 2.0 * i + 0.1));
    }
    const auto results = Spread(Ingest(daemon_, events));
    ASSERT_EQ(results.size(), events.size());
    last_ = results.back().first_sequence();
    daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.recallable() >= last_; });
  }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::Skills::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                    const Request& request, Response* response) {
    grpc::ClientContext context;
    SetDeadline(context);
    return (stub_.get()->*method)(&context, request, response);
  }

  grpc::Status Create(const std::string& name, v1::Skill::Kind kind = v1::Skill::LABEL,
                      v1::Skill::FeatureMap map = v1::Skill::FEATURE_MAP_UNSPECIFIED) {
    v1::CreateSkillRequest request;
    request.mutable_skill()->set_name(name);
    request.mutable_skill()->set_kind(kind);
    request.mutable_skill()->add_modalities("pose");
    request.mutable_skill()->set_feature_map(map);
    v1::CreateSkillResponse response;
    return Call(&v1::Skills::Stub::CreateSkill, request, &response);
  }

  // Teaches every pose its kind; returns the answers' sum.
  v1::TeachResponse TeachAll(const std::string& name, const std::string& key = "kind") {
    v1::TeachRequest request;
    request.set_skill(name);
    request.mutable_events()->set_metadata_key(key);
    request.mutable_events()->set_limit(50);
    v1::TeachResponse sum;
    for (int page = 0; page < 1000; ++page) {
      v1::TeachResponse response;
      const grpc::Status status = Call(&v1::Skills::Stub::Teach, request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      sum.set_taught_count(sum.taught_count() + response.taught_count());
      sum.set_unchanged_count(sum.unchanged_count() + response.unchanged_count());
      sum.set_skipped_count(sum.skipped_count() + response.skipped_count());
      if (response.next_after_sequence() == 0) break;
      request.mutable_events()->set_after_sequence(response.next_after_sequence());
    }
    return sum;
  }

  grpc::Status TeachEvent(const std::string& name, int i, const std::string& label) {
    v1::TeachRequest request;
    request.set_skill(name);
    v1::TaughtExample& example = *request.add_examples();
    example.mutable_example()->mutable_event()->set_source("test");
    example.mutable_example()->mutable_event()->set_event_id("pose" + std::to_string(i));
    if (!label.empty()) example.add_labels(label);
    v1::TeachResponse response;
    return Call(&v1::Skills::Stub::Teach, request, &response);
  }

  v1::Skill Get(const std::string& name) {
    v1::GetSkillRequest request;
    request.set_name(name);
    v1::GetSkillResponse response;
    const grpc::Status status = Call(&v1::Skills::Stub::GetSkill, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.skill();
  }

  // Waits until the skill is solved from all that it was taught, and settled.
  v1::Skill Settled(const std::string& name) {
    v1::Skill skill;
    for (int i = 0; i < 600; ++i) {
      skill = Get(name);
      if (skill.solution().settled()) return skill;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ADD_FAILURE() << "not settled: " << skill.ShortDebugString();
    return skill;
  }

  grpc::Status Predict(const v1::PredictRequest& request, v1::PredictResponse* response) {
    return Call(&v1::Skills::Stub::Predict, request, response);
  }

  v1::PredictResponse PredictPose(const std::string& name, const std::vector<float>& pose) {
    v1::PredictRequest request;
    request.set_skill(name);
    request.set_examples_max(3);
    v1::Percept& percept = *request.mutable_example()->mutable_percepts()->add_percepts();
    percept.set_modality("pose");
    percept.mutable_vector()->mutable_values()->Add(pose.begin(), pose.end());
    v1::PredictResponse response;
    const grpc::Status status = Predict(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // Confidences of the first label for poses never stored, by label.
  std::vector<std::map<std::string, double>> Answers(const std::string& name) {
    std::vector<std::map<std::string, double>> answers(10);
    for (int i = 0; i < 10; ++i) {
      const v1::PredictResponse response = PredictPose(name, Pose(5000 + i));
      for (const v1::LabelConfidence& label : response.labels()) {
        answers[static_cast<size_t>(i)][label.label()] = label.confidence();
      }
    }
    return answers;
  }

  static void ExpectSame(const std::vector<std::map<std::string, double>>& a,
                         const std::vector<std::map<std::string, double>>& b) {
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].size(), b[i].size());
      for (const auto& [label, confidence] : a[i]) {
        ASSERT_TRUE(b[i].contains(label)) << label;
        EXPECT_NEAR(confidence, b[i].at(label), 1e-4);
      }
    }
  }

  TestDaemon daemon_{kQuickSkills};
  std::unique_ptr<v1::Skills::Stub> stub_;
  uint64_t last_ = 0;
  std::atomic<int> answered_{60};
};

}  // namespace mixmatch
