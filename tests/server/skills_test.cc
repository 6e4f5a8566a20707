// Skills through the real daemon: taught, asked, taken back, killed, published.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "skills_fixture.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST_F(SkillsTest, IsTaughtByMetadataAndNamesWhatItNeverSaw) {
  Fill(0, 120);
  ASSERT_TRUE(Create("kind").ok());
  const v1::TeachResponse taught = TeachAll("kind");
  EXPECT_EQ(taught.taught_count(), 120U);
  EXPECT_EQ(taught.skipped_count(), 120U);  // the words
  EXPECT_EQ(TeachAll("kind").unchanged_count(), 120U);
  const v1::Skill skill = Settled("kind");
  EXPECT_EQ(skill.example_count(), 120U);
  EXPECT_EQ(skill.solution().example_count(), 120U);
  ASSERT_THAT(skill.labels(), SizeIs(kKinds));
  EXPECT_EQ(skill.labels(0).example_count(), 24U);
  int right = 0;
  for (int i = 5000; i < 5050; ++i) {
    const v1::PredictResponse response = PredictPose("kind", Pose(i));
    right += response.labels(0).label() == KindOf(i);
    ASSERT_THAT(response.examples(), SizeIs(3));
    EXPECT_THAT(response.examples(0).event().event_id(), HasSubstr("pose"));
    EXPECT_EQ(response.examples(0).labels(0), response.labels(0).label());
  }
  EXPECT_GE(right, 48);

  v1::EvaluateRequest request;
  request.set_skill("kind");
  request.mutable_events()->set_metadata_key("kind");
  v1::EvaluateResponse counted;
  ASSERT_TRUE(Call(&v1::Skills::Stub::Evaluate, request, &counted).ok());
  EXPECT_EQ(counted.example_count(), 120U);
  EXPECT_GE(counted.right_count(), 117U);
  EXPECT_EQ(counted.skipped_count(), 120U);
}

TEST_F(SkillsTest, FreshPerceptsAreExamplesToo) {
  ASSERT_TRUE(Create("kind").ok());
  v1::TeachRequest request;
  request.set_skill("kind");
  for (int i = 0; i < 40; ++i) {
    v1::TaughtExample& example = *request.add_examples();
    v1::Percept& percept = *example.mutable_example()->mutable_percepts()->add_percepts();
    percept.set_modality("pose");
    for (const float value : Pose(i)) percept.mutable_vector()->add_values(value);
    example.add_labels(KindOf(i));
  }
  v1::TeachResponse response;
  ASSERT_TRUE(Call(&v1::Skills::Stub::Teach, request, &response).ok());
  EXPECT_EQ(response.taught_count(), 40U);
  Settled("kind");
  EXPECT_EQ(PredictPose("kind", Pose(5001)).labels(0).label(), "kind1");
  EXPECT_FALSE(PredictPose("kind", Pose(5001)).examples(0).has_event());
  const auto before = Answers("kind");
  daemon_.Kill();
  ASSERT_NO_FATAL_FAILURE(Restart());
  Settled("kind");
  ExpectSame(Answers("kind"), before);
}

TEST_F(SkillsTest, WhatIsTakenBackWasNeverTaught) {
  Fill(0, 100);
  ASSERT_TRUE(Create("kind").ok());
  ASSERT_TRUE(Create("never").ok());
  TeachAll("kind");
  Settled("kind");
  v1::UnteachRequest back;
  back.set_skill("kind");
  for (int i = 0; i < 30; ++i) {
    v1::EventKey& key = *back.add_examples()->mutable_event();
    key.set_source("test");
    key.set_event_id("pose" + std::to_string(i));
  }
  v1::UnteachResponse taken;
  ASSERT_TRUE(Call(&v1::Skills::Stub::Unteach, back, &taken).ok());
  EXPECT_EQ(taken.untaught_count(), 30U);
  for (int i = 30; i < 100; ++i) ASSERT_TRUE(TeachEvent("never", i, KindOf(i)).ok());
  Settled("kind");
  Settled("never");
  ExpectSame(Answers("kind"), Answers("never"));
  back.Clear();
  back.set_skill("kind");
  back.set_all(true);
  ASSERT_TRUE(Call(&v1::Skills::Stub::Unteach, back, &taken).ok());
  EXPECT_EQ(taken.untaught_count(), 70U);
  v1::PredictRequest ask;
  ask.set_skill("kind");
  ask.mutable_example()->mutable_event()->set_source("test");
  ask.mutable_example()->mutable_event()->set_event_id("pose1");
  v1::PredictResponse said;
  EXPECT_EQ(Predict(ask, &said).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(SkillsTest, ALessonIsSeenSoonAndAKillLosesNone) {
  Fill(0, 100);
  ASSERT_TRUE(Create("kind").ok());
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(TeachEvent("kind", i, KindOf(i)).ok());
  Settled("kind");
  // A label that is new.
  for (int i = 50; i < 60; ++i) ASSERT_TRUE(TeachEvent("kind", i, "new").ok());
  for (int tries = 0; tries < 200; ++tries) {
    if (Get("kind").solution().example_count() == 60) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(Get("kind").solution().example_count(), 60U);
  // Killed while it is being taught: every lesson that was answered is there.
  std::thread teacher([this] {
    for (int i = 60; i < 100; ++i) {
      if (!TeachEvent("kind", i, KindOf(i)).ok()) return;
      answered_ = i + 1;
    }
  });
  while (answered_ < 70) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  daemon_.Kill();
  teacher.join();
  const int answered = answered_;
  ASSERT_NO_FATAL_FAILURE(Restart());
  const v1::Skill skill = Settled("kind");
  EXPECT_GE(skill.example_count(), static_cast<uint64_t>(answered));
  EXPECT_LE(skill.example_count(), static_cast<uint64_t>(answered) + 1);
  // The same as a skill taught the same in one go.
  ASSERT_TRUE(Create("again").ok());
  for (int i = static_cast<int>(skill.example_count()) - 1; i >= 0; --i) {
    ASSERT_TRUE(TeachEvent("again", i, i >= 50 && i < 60 ? "new" : KindOf(i)).ok());
  }
  Settled("again");
  ExpectSame(Answers("kind"), Answers("again"));
}

TEST_F(SkillsTest, ANewGenerationGoesLiveWithEverySkill) {
  Fill(0, 100);
  ASSERT_TRUE(Create("kind", v1::Skill::LABEL, v1::Skill::EMBEDDING).ok());
  TeachAll("kind");
  Settled("kind");
  daemon_.AwaitWatermarks([this](const v1::Watermarks& w) { return w.learned() >= last_; }, 120);
  const v1::PublishGenerationResponse published = daemon_.Publish();
  ASSERT_EQ(published.phase(), v1::PublishGenerationResponse::PUBLISHED);
  // At once, without waiting for it to be solved.
  const v1::PredictResponse response = PredictPose("kind", Pose(5002));
  EXPECT_EQ(response.generation(), published.generation().number());
  EXPECT_EQ(response.labels(0).label(), "kind2");
  grpc::ClientContext back;
  SetDeadline(back);
  v1::RollbackGenerationResponse rolled;
  ASSERT_TRUE(daemon_.admin().RollbackGeneration(&back, {}, &rolled).ok());
  Settled("kind");
  EXPECT_EQ(PredictPose("kind", Pose(5002)).generation(), rolled.serving().number());
}

TEST_F(SkillsTest, NumbersAndAnomalies) {
  Fill(0, 120);
  ASSERT_TRUE(Create("number", v1::Skill::NUMBER).ok());
  EXPECT_EQ(TeachAll("number", "number").taught_count(), 120U);
  ASSERT_TRUE(Create("odd", v1::Skill::ANOMALY).ok());
  EXPECT_EQ(TeachAll("odd", "").taught_count(), 120U);
  Settled("number");
  Settled("odd");
  for (int i = 5000; i < 5005; ++i) {
    const v1::PredictResponse response = PredictPose("number", Pose(i));
    EXPECT_NEAR(response.number(), i % kKinds * 1.5, 0.75);
    EXPECT_GT(response.number_error(), 0);
  }
  std::vector<float> strange(12, 0);
  strange[3] = -9;
  strange[4] = 7;
  EXPECT_TRUE(PredictPose("odd", strange).unknown());
  int unknown = 0;
  for (int i = 5000; i < 5050; ++i) unknown += PredictPose("odd", Pose(i)).unknown();
  EXPECT_LE(unknown, 10);
}

TEST_F(SkillsTest, WhatIsWrongIsNamedAndHarmsNothing) {
  Fill(0, 10);
  EXPECT_EQ(Create("No Name").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ASSERT_TRUE(Create("kind").ok());
  const grpc::Status again = Create("kind");
  EXPECT_EQ(again.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(again.error_message(), HasSubstr("kind"));
  EXPECT_EQ(TeachEvent("none", 1, "a").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(TeachEvent("kind", 1, "").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(TeachEvent("kind", 999, "a").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(TeachEvent("kind", 1, std::string(300, 'x')).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);

  v1::TeachRequest request;  // a word for a skill that looks at poses
  request.set_skill("kind");
  v1::TaughtExample& example = *request.add_examples();
  example.mutable_example()->mutable_event()->set_source("test");
  example.mutable_example()->mutable_event()->set_event_id("word1");
  example.add_labels("a");
  v1::TeachResponse response;
  const grpc::Status blind = Call(&v1::Skills::Stub::Teach, request, &response);
  EXPECT_EQ(blind.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(blind.error_message(), HasSubstr("examples[0]"));

  request.clear_examples();  // one bad example of two: neither is taught
  *request.add_examples() = example;
  request.mutable_examples(0)->mutable_example()->mutable_event()->set_source("test");
  request.mutable_examples(0)->mutable_example()->mutable_event()->set_event_id("pose1");
  request.add_examples()->add_labels("b");
  EXPECT_EQ(Call(&v1::Skills::Stub::Teach, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Get("kind").example_count(), 0U);

  v1::PredictRequest ask;
  ask.set_skill("kind");
  ask.mutable_example()->mutable_event()->set_source("test");
  ask.mutable_example()->mutable_event()->set_event_id("pose1");
  v1::PredictResponse said;
  EXPECT_EQ(Predict(ask, &said).error_code(), grpc::StatusCode::FAILED_PRECONDITION);

  v1::DeleteSkillRequest remove;
  remove.set_name("kind");
  v1::DeleteSkillResponse removed;
  EXPECT_TRUE(Call(&v1::Skills::Stub::DeleteSkill, remove, &removed).ok());
  EXPECT_EQ(Call(&v1::Skills::Stub::DeleteSkill, remove, &removed).error_code(),
            grpc::StatusCode::NOT_FOUND);
  // The name is free again, and what was taught under it is gone.
  ASSERT_TRUE(Create("kind").ok());
  EXPECT_EQ(Get("kind").example_count(), 0U);
}

TEST_F(SkillsTest, TooManyLabelsAreRefusedAndNothingOfThemIsTaught) {
  Fill(0, 40);
  ASSERT_TRUE(Create("tags", v1::Skill::LABELS).ok());
  int next = 0;
  const auto teach = [this, &next](int i, int labels) {
    v1::TeachRequest request;
    request.set_skill("tags");
    v1::TaughtExample& example = *request.add_examples();
    example.mutable_example()->mutable_event()->set_source("test");
    example.mutable_example()->mutable_event()->set_event_id("pose" + std::to_string(i));
    for (int label = 0; label < labels; ++label) example.add_labels(std::to_string(next++));
    v1::TeachResponse response;
    return Call(&v1::Skills::Stub::Teach, request, &response);
  };
  for (int i = 0; i < 31; ++i) ASSERT_TRUE(teach(i, 64).ok());
  ASSERT_TRUE(teach(31, 16).ok());  // 2,000 by now
  const grpc::Status status = teach(32, 1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("2001 labels"));
  EXPECT_EQ(Get("tags").example_count(), 32U);
  next = 5;  // a label that is known is no new one
  EXPECT_TRUE(teach(32, 1).ok());
}

}  // namespace
}  // namespace mixmatch
