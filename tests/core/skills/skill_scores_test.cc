// A candidate that carries a skill worse is seen to, and one that is equal is not.
#include "core/skills/skill_scores.h"

#include <gtest/gtest.h>

#include "core/generations/gate.h"
#include "tests/core/skills/examples.h"

namespace mixmatch {
namespace {

using testing::Examples;
using testing::MakeExamples;

// Nothing but a name: the source knows what each makes of an example.
class NamedEncoder final : public Encoder {
 public:
  explicit NamedEncoder(double apart) : apart_(apart) { config_.embedding = 12; }
  std::string Serialize() const override { return {}; }
  const ModelConfig& config() const override { return config_; }
  uint64_t parameter_count() const override { return 0; }
  absl::Status Embed(std::span<const Mixture> /*mixtures*/,
                     std::span<float> /*out*/) const override {
    return absl::UnimplementedError("points come from the source");
  }
  double apart() const { return apart_; }

 private:
  double apart_;
  ModelConfig config_;
};

class PointSource final : public ExampleSource {
 public:
  std::shared_ptr<const FeatureMap> FrontEnd(const SkillSpec& /*spec*/) override { return nullptr; }
  absl::Status Rows(const SkillSpec& /*spec*/, std::span<const ExampleId> /*examples*/,
                    const FeatureMap& /*map*/, const Space& /*space*/, std::span<float> /*out*/,
                    std::vector<bool>& /*readable*/) const override {
    return absl::UnimplementedError("no rows here");
  }
  absl::Status Points(const SkillSpec& /*spec*/, std::span<const ExampleId> examples,
                      const Encoder& encoder, std::span<float> out,
                      std::vector<bool>& readable) const override {
    const Examples made =
        MakeExamples(400, 12, 4, dynamic_cast<const NamedEncoder&>(encoder).apart(), 1);
    readable.assign(examples.size(), true);
    for (size_t i = 0; i < examples.size(); ++i) {
      const auto row = made.row(examples[i]);
      std::copy(row.begin(), row.end(), out.begin() + static_cast<std::ptrdiff_t>(i * 12));
    }
    return absl::OkStatus();
  }
};

std::map<ExampleId, Lesson> Lessons(size_t count) {
  const Examples made = MakeExamples(400, 12, 4, 1, 1);
  std::map<ExampleId, Lesson> lessons;
  for (size_t i = 0; i < count; ++i) lessons[i] = Lesson{{std::to_string(made.labels[i])}};
  return lessons;
}

GateScore Score(double candidate, double serving) {
  const auto score = ScoreSkill({.name = "digit"}, Lessons(400), PointSource(),
                                NamedEncoder(candidate), NamedEncoder(serving));
  EXPECT_TRUE(score.ok() && score->has_value()) << score.status();
  return **score;
}

TEST(SkillScoresTest, EqualEncodersAreEqual) {
  const GateScore score = Score(1, 1);
  EXPECT_EQ(score.measure, "skill digit");
  EXPECT_EQ(score.candidate, score.serving);
  EXPECT_EQ(score.standard_error, 0);
  EXPECT_EQ(score.probe_count, 256U);
  Verdict verdict{.publish = true, .reason = "published: better"};
  CountSkills({}, std::vector<GateScore>{score}, verdict);
  EXPECT_TRUE(verdict.publish);
  EXPECT_EQ(verdict.scores.size(), 1U);
}

TEST(SkillScoresTest, AWorseOneIsRefusedAndABetterOneIsNot) {
  const GateScore worse = Score(0.2, 2);
  EXPECT_LT(worse.candidate, worse.serving - 0.2);
  EXPECT_GT(worse.standard_error, 0);
  Verdict verdict{.publish = true, .reason = "published: mean rank 0.9"};
  CountSkills({}, std::vector<GateScore>{Score(2, 0.2), worse}, verdict);
  EXPECT_FALSE(verdict.publish);
  EXPECT_EQ(verdict.reason.rfind("refused: mean rank 0.9; skill digit", 0), 0U) << verdict.reason;
  Verdict better{.publish = true, .reason = "published: mean rank 0.9"};
  CountSkills({}, std::vector<GateScore>{Score(2, 0.2)}, better);
  EXPECT_TRUE(better.publish);
  EXPECT_EQ(better.reason, "published: mean rank 0.9");
}

TEST(SkillScoresTest, WhatCannotBeJudgedIsLeftOut) {
  const NamedEncoder encoder(1);
  const auto few = ScoreSkill({.name = "a"}, Lessons(20), PointSource(), encoder, encoder);
  ASSERT_TRUE(few.ok());
  EXPECT_FALSE(few->has_value());
  const auto front = ScoreSkill({.name = "a", .map = FeatureMapKind::kFrontEnd}, Lessons(400),
                                PointSource(), encoder, encoder);
  ASSERT_TRUE(front.ok());
  EXPECT_FALSE(front->has_value());
}

}  // namespace
}  // namespace mixmatch
