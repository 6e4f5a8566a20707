// A skill from lessons to solutions, over examples that a made-up source has.
#include "core/skills/skill_solver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/core/generations/memory_stores.h"
#include "tests/core/skills/examples.h"

namespace mixmatch {
namespace {

using testing::Examples;
using testing::MakeExamples;

// A map that hands rows through; the source knows them.
class RowMap final : public FeatureMap {
 public:
  RowMap(FeatureMapKind kind, size_t dimension) : kind_(kind), dimension_(dimension) {}
  FeatureMapKind kind() const override { return kind_; }
  size_t dimension() const override { return dimension_; }
  absl::Status Map(const ExampleView& /*example*/, std::span<float> /*out*/) const override {
    return absl::UnimplementedError("rows come from the source");
  }

 private:
  FeatureMapKind kind_;
  size_t dimension_;
};

// Examples whose point of the space says little, and whose front end says much.
class MadeUpSource final : public ExampleSource {
 public:
  MadeUpSource(const Examples* points, const Examples* front) : points_(points), front_(front) {}

  std::shared_ptr<const FeatureMap> FrontEnd(const SkillSpec& /*spec*/) override {
    if (front_ == nullptr) return nullptr;
    return std::make_shared<RowMap>(FeatureMapKind::kFrontEnd, front_->d);
  }

  absl::Status Rows(const SkillSpec& /*spec*/, std::span<const ExampleId> examples,
                    const FeatureMap& map, const Space& space, std::span<float> out,
                    std::vector<bool>& readable) const override {
    ++reads;
    const size_t d = map.dimension();
    readable.assign(examples.size(), true);
    for (size_t i = 0; i < examples.size(); ++i) {
      const std::span<float> to = out.subspan(i * d, d);
      readable[i] = !unreadable.contains(examples[i]);
      if (map.kind() == FeatureMapKind::kFrontEnd) {
        const auto row = front_->row(examples[i]);
        std::copy(row.begin(), row.end(), to.begin());
        continue;
      }
      // Another space turns the points by one place.
      std::vector<float> point(points_->d);
      for (size_t c = 0; c < point.size(); ++c) {
        point[c] = points_->row(examples[i])[(c + space.number) % point.size()] / 10;
      }
      const absl::Status mapped = map.Map({.embedding = point, .percepts = {}}, to);
      if (!mapped.ok()) return mapped;
    }
    return absl::OkStatus();
  }

  absl::Status Points(const SkillSpec& /*spec*/, std::span<const ExampleId> /*examples*/,
                      const Encoder& /*encoder*/, std::span<float> /*out*/,
                      std::vector<bool>& /*readable*/) const override {
    return absl::UnimplementedError("no encoder here");
  }

  std::set<ExampleId> unreadable;
  mutable int reads = 0;

 private:
  const Examples* points_;
  const Examples* front_;
};

std::shared_ptr<const Space> SpaceOf(Generation number, int dimension) {
  auto space = std::make_shared<Space>();
  space->number = number;
  space->embeddings = std::make_shared<MemorySpace>(number, dimension);
  return space;
}

std::vector<LessonChange> Lessons(const Examples& examples, size_t begin, size_t end) {
  std::vector<LessonChange> changes;
  for (size_t i = begin; i < end; ++i) {
    changes.push_back(
        {.example = i, .before = {}, .after = Lesson{{std::to_string(examples.labels[i])}}});
  }
  return changes;
}

std::shared_ptr<const SkillSolution> Solve(SkillSolver& solver,
                                           const std::shared_ptr<const Space>& space, bool settle) {
  auto solution = solver.Solve(space, settle);
  EXPECT_TRUE(solution.ok()) << solution.status();
  return *solution;
}

// Confidence of every label of a row, by name.
std::map<std::string, double> Said(const SkillSolution& solution, std::span<const float> row) {
  std::map<std::string, double> said;
  for (const ScoredOutput& score : solution.solved->Predict(row, 100, 0).scores) {
    said[solution.labels[static_cast<size_t>(score.output)]] = score.confidence;
  }
  return said;
}

class SkillSolverTest : public ::testing::Test {
 protected:
  const Examples points_ = MakeExamples(600, 8, 4, 0.4, 1);
  const Examples front_ = [this] {
    Examples made = MakeExamples(600, 12, 4, 3, 2);
    // The same labels as the points'.
    for (size_t i = 0; i < 600; ++i) {
      for (size_t c = 0; c < 12; ++c) {
        made.x[i * 12 + c] = static_cast<float>(
            3 * testing::Normal(7, static_cast<uint64_t>(points_.labels[i]) * 1000 + c) +
            testing::Normal(3, i * 12 + c));
      }
    }
    made.labels = points_.labels;
    return made;
  }();
  const std::shared_ptr<const Space> space_ = SpaceOf(0, 8);
  const SkillSpec spec_{.id = 1, .name = "digit", .kind = SkillKind::kLabel};
};

TEST_F(SkillSolverTest, KnowsNothingBeforeALesson) {
  MadeUpSource source(&points_, nullptr);
  SkillSolver solver(spec_, &source);
  EXPECT_TRUE(absl::IsFailedPrecondition(solver.Solve(space_, true).status()));
}

TEST_F(SkillSolverTest, SeesThePointFirstAndWhatIsBestOnceSettled) {
  MadeUpSource source(&points_, &front_);
  SkillSolver solver(spec_, &source);
  solver.Apply(Lessons(points_, 0, 500));
  const auto quick = Solve(solver, space_, false);
  EXPECT_EQ(quick->map->kind(), FeatureMapKind::kEmbedding);
  EXPECT_FALSE(quick->settled);
  EXPECT_EQ(quick->examples, 500U);
  const auto settled = Solve(solver, space_, true);
  EXPECT_EQ(settled->map->kind(), FeatureMapKind::kFrontEnd);
  EXPECT_EQ(settled->generation, 0U);
  ASSERT_EQ(settled->tried.size(), 3U);
  EXPECT_GT(settled->tried[2].left_out, settled->tried[0].left_out + 0.1);
  int right = 0;
  for (size_t i = 500; i < 600; ++i) {
    const Prediction prediction = settled->solved->Predict(front_.row(i), 1, 0);
    right += settled->labels[static_cast<size_t>(prediction.scores[0].output)] ==
             std::to_string(points_.labels[i]);
  }
  EXPECT_GT(right, 95);
}

TEST_F(SkillSolverTest, AFrontEndThatIsAsGoodIsChosen) {
  // Points and front end are the same numbers, so that both are right as often.
  const Examples same = MakeExamples(600, 8, 4, 2, 1);
  MadeUpSource source(&same, &same);
  SkillSolver solver(spec_, &source);
  solver.Apply(Lessons(same, 0, 500));
  const auto settled = Solve(solver, space_, true);
  ASSERT_EQ(settled->tried.size(), 3U);
  EXPECT_EQ(settled->map->kind(), FeatureMapKind::kFrontEnd);
  // One that is worse is not.
  const Examples vague = MakeExamples(600, 8, 4, 0.2, 1);
  MadeUpSource worse(&same, &vague);
  SkillSolver other(spec_, &worse);
  other.Apply(Lessons(same, 0, 500));
  EXPECT_NE(Solve(other, space_, true)->map->kind(), FeatureMapKind::kFrontEnd);
}

TEST_F(SkillSolverTest, AFewExamplesAreSeenByThePoint) {
  MadeUpSource source(&points_, &front_);
  SkillSolver solver(spec_, &source);
  solver.Apply(Lessons(points_, 0, 40));
  const auto settled = Solve(solver, space_, true);
  EXPECT_EQ(settled->map->kind(), FeatureMapKind::kEmbedding);
  EXPECT_TRUE(settled->tried.empty());
}

TEST_F(SkillSolverTest, WhatIsAskedForIsNotChosen) {
  MadeUpSource source(&points_, &front_);
  SkillSpec spec = spec_;
  spec.map = FeatureMapKind::kRandom;
  SkillSolver solver(spec, &source);
  solver.Apply(Lessons(points_, 0, 300));
  EXPECT_EQ(Solve(solver, space_, true)->map->kind(), FeatureMapKind::kRandom);
  spec.map = FeatureMapKind::kFrontEnd;
  MadeUpSource without(&points_, nullptr);
  SkillSolver none(spec, &without);
  none.Apply(Lessons(points_, 0, 300));
  EXPECT_TRUE(absl::IsFailedPrecondition(none.Solve(space_, true).status()));
}

TEST_F(SkillSolverTest, UntaughtIsAsNeverTaughtInAnyOrder) {
  MadeUpSource source(&points_, nullptr);
  SkillSolver expected(spec_, &source);
  expected.Apply(Lessons(points_, 100, 400));
  SkillSolver solver(spec_, &source);
  std::vector<LessonChange> all = Lessons(points_, 0, 400);
  std::reverse(all.begin(), all.end());
  solver.Apply(all);
  Solve(solver, space_, true);
  std::vector<LessonChange> back;
  for (size_t i = 0; i < 100; ++i) {
    back.push_back({.example = i, .before = Lesson{{std::to_string(points_.labels[i])}}});
  }
  solver.Apply(back);
  const auto a = Solve(solver, space_, true);
  const auto b = Solve(expected, space_, true);
  EXPECT_EQ(a->examples, 300U);
  for (size_t i = 0; i < 600; ++i) {
    const auto mine = Said(*a, points_.row(i));
    for (const auto& [label, confidence] : Said(*b, points_.row(i))) {
      EXPECT_NEAR(mine.at(label), confidence, 1e-4);
    }
  }
}

TEST_F(SkillSolverTest, ALessonThatChangedTakesTheOldOnesPlace) {
  MadeUpSource source(&points_, nullptr);
  SkillSolver solver(spec_, &source);
  solver.Apply(Lessons(points_, 0, 100));
  Solve(solver, space_, false);
  solver.Apply(std::vector<LessonChange>{{.example = 7,
                                          .before = Lesson{{std::to_string(points_.labels[7])}},
                                          .after = Lesson{{"x"}}}});
  const auto solution = Solve(solver, space_, true);
  EXPECT_EQ(solution->examples, 100U);
  EXPECT_EQ(solver.lessons().at(7).labels[0], "x");
  EXPECT_EQ(Said(*solution, points_.row(7)).count("x"), 1U);
}

TEST_F(SkillSolverTest, EverySpaceHasItsOwnSolution) {
  MadeUpSource source(&points_, nullptr);
  SkillSolver solver(spec_, &source);
  solver.Apply(Lessons(points_, 0, 300));
  const auto other = SpaceOf(3, 8);
  const auto here = Solve(solver, space_, true);
  const auto there = Solve(solver, other, true);
  EXPECT_EQ(here->generation, 0U);
  EXPECT_EQ(there->generation, 3U);
  std::vector<float> here_row(here->map->dimension());
  std::vector<float> there_row(there->map->dimension());
  std::vector<bool> readable;
  int same = 0;
  for (ExampleId i = 300; i < 400; ++i) {
    ASSERT_TRUE(source.Rows(spec_, {&i, 1}, *here->map, *space_, here_row, readable).ok());
    ASSERT_TRUE(source.Rows(spec_, {&i, 1}, *there->map, *other, there_row, readable).ok());
    const auto a = Said(*here, here_row);
    const auto b = Said(*there, there_row);
    const auto most = [](const auto& said) {
      return std::max_element(said.begin(), said.end(),
                              [](const auto& x, const auto& y) { return x.second < y.second; })
          ->first;
    };
    same += most(a) == most(b);
  }
  EXPECT_GT(same, 90);
}

TEST_F(SkillSolverTest, AFrontEndIsSolvedOnceForAllSpaces) {
  MadeUpSource source(&points_, &front_);
  SkillSolver solver(spec_, &source);
  solver.Apply(Lessons(points_, 0, 500));
  const auto here = Solve(solver, space_, true);
  const auto there = Solve(solver, SpaceOf(1, 8), true);
  ASSERT_EQ(there->map->kind(), FeatureMapKind::kFrontEnd);
  EXPECT_EQ(here->solved, there->solved);
  solver.KeepOnly(std::vector<Generation>{1});
  solver.Apply(Lessons(points_, 500, 600));
  EXPECT_NE(Solve(solver, SpaceOf(1, 8), true)->solved, here->solved);
}

TEST_F(SkillSolverTest, WhatCannotBeReadIsCountedAndLeftOut) {
  MadeUpSource source(&points_, nullptr);
  source.unreadable = {3, 5};
  SkillSolver solver(spec_, &source);
  solver.Apply(Lessons(points_, 0, 100));
  const auto solution = Solve(solver, space_, true);
  EXPECT_EQ(solution->examples, 98U);
  EXPECT_EQ(solution->unreadable, 2U);
  // One that became unreadable is gone from the sums, too, once it is untaught.
  source.unreadable = {3, 5, 9};
  solver.Apply(std::vector<LessonChange>{
      {.example = 9, .before = Lesson{{std::to_string(points_.labels[9])}}}});
  EXPECT_EQ(Solve(solver, space_, true)->examples, 97U);
}

}  // namespace
}  // namespace mixmatch
