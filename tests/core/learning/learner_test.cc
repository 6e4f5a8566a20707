// The schedule: what each step was made of, seen from the source's side.
#include "core/learning/learner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/core/encoder/samples.h"

namespace mixmatch {
namespace {

// Episodes of two poses each; every fifth is a probe. Remembers what was loaded.
class FakeSource final : public TrainingSource {
 public:
  explicit FakeSource(uint64_t count) : count_(count) {}

  uint64_t closed_count() const override { return count_; }
  absl::Status ListClosed(uint64_t first, uint64_t limit,
                          std::vector<ClosedEpisode>& episodes) const override {
    for (uint64_t i = first; i < std::min(first + limit, count_); ++i) {
      episodes.push_back({.id = 100 + i,
                          .probe = IsProbe(i),
                          .probe_draw = static_cast<uint32_t>(StableMix64(5, i) >> 32)});
    }
    return absl::OkStatus();
  }
  absl::Status Load(std::span<const EpisodeId> ids,
                    std::vector<TrainingEpisode>& episodes) const override {
    if (std::find(ids.begin(), ids.end(), damaged_) != ids.end()) {
      return absl::DataLossError("features value not read");
    }
    loads_.emplace_back(ids.begin(), ids.end());
    for (const EpisodeId id : ids) {
      TrainingEpisode episode{.id = id};
      for (const char* name : {"left", "right"}) {
        episode.percepts.push_back({.modality = testing::Spec(name, PayloadKind::kVector, 3),
                                    .features = testing::VectorSample(id, 3)});
        episode.percepts.back().features.content = {};
      }
      episodes.push_back(std::move(episode));
    }
    return absl::OkStatus();
  }

  static bool IsProbe(uint64_t ordinal) { return ordinal % 5 == 4; }
  void Grow(uint64_t more) { count_ += more; }
  void Damage(EpisodeId id) { damaged_ = id; }
  const std::vector<std::vector<EpisodeId>>& loads() const { return loads_; }

 private:
  uint64_t count_;
  EpisodeId damaged_ = 0;
  mutable std::vector<std::vector<EpisodeId>> loads_;
};

ModelConfig Model() {
  return {.preset = "t", .width = 8, .layers = 1, .heads = 1, .embedding = 8, .seed = 1};
}

LearnerConfig Config() {
  return {.block_episodes = 10,
          .steps_per_block = 3,
          .batch_episodes = 20,
          .trainer = {.device = "cpu"}};
}

std::unique_ptr<Learner> Make(const FakeSource& source) {
  auto learner = Learner::Create(Model(), Config(), &source);
  EXPECT_TRUE(learner.ok()) << learner.status();
  return std::move(learner).value();
}

void RunAll(Learner& learner, bool flush) {
  while (learner.HasNew(flush)) {
    const auto step = learner.StepNew(flush);
    ASSERT_TRUE(step.ok()) << step.status();
  }
}

TEST(LearnerTest, EveryEpisodeButProbesIsInItsBlocksStepsInTheOrderOfClosing) {
  FakeSource source(47);
  const auto learner = Make(source);
  RunAll(*learner, true);
  EXPECT_EQ(source.loads().size(), 15U);  // 5 blocks, the last one short, 3 steps each
  for (size_t step = 0; step < source.loads().size(); ++step) {
    const auto& ids = source.loads()[step];
    const uint64_t block = step / 3;
    size_t place = 0;
    for (uint64_t i = block * 10; i < std::min<uint64_t>(block * 10 + 10, 47); ++i) {
      if (FakeSource::IsProbe(i)) continue;
      EXPECT_EQ(ids[place], 100 + i);
      ++place;
    }
    const std::set<EpisodeId> distinct(ids.begin(), ids.end());
    EXPECT_EQ(distinct.size(), ids.size());
    EXPECT_EQ(ids.size(), block == 0 ? 8U : block == 1 ? 16U : 20U);
    for (; place < ids.size(); ++place) EXPECT_LT(ids[place], 100 + block * 10);
    for (const EpisodeId id : ids) EXPECT_FALSE(FakeSource::IsProbe(id - 100));
  }
  const LearnerProgress progress = learner->progress();
  EXPECT_EQ(progress.taken, 47U);
  EXPECT_EQ(progress.trainable, 38U);
  EXPECT_EQ(progress.steps_stream, 15U);
  EXPECT_EQ(progress.steps_total, 15U);
  EXPECT_EQ(learner->waiting(), 0U);
}

TEST(LearnerTest, WithoutFlushItWaitsForAFullBlock) {
  FakeSource source(9);
  const auto learner = Make(source);
  EXPECT_FALSE(learner->HasNew(false));
  EXPECT_TRUE(learner->HasNew(true));
  EXPECT_EQ(learner->StepNew(false).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(learner->StepReplay().status().code(), absl::StatusCode::kFailedPrecondition);
  source.Grow(1);
  EXPECT_TRUE(learner->HasNew(false));
  ASSERT_TRUE(learner->StepNew(false).ok());
  source.Grow(1);
  ASSERT_TRUE(learner->StepNew(false).ok());
  ASSERT_TRUE(learner->StepNew(false).ok());
  EXPECT_FALSE(learner->HasNew(false));
  EXPECT_EQ(learner->waiting(), 1U);
}

TEST(LearnerTest, FlushesOnTheWayAddNoSteps) {
  FakeSource source(27);
  const auto learner = Make(source);
  RunAll(*learner, true);
  EXPECT_EQ(learner->progress().steps_stream, 9U);
  source.Grow(12);
  EXPECT_FALSE(learner->HasNew(false));  // 27 to 38 of a block that ends with 39
  source.Grow(1);
  RunAll(*learner, false);
  EXPECT_EQ(learner->progress().steps_stream, 12U);
  EXPECT_EQ(learner->waiting(), 0U);
  // Two in a row: of the blocks of 10, 8 and 5 episodes are missing, which the next one has more.
  source.Grow(2);
  RunAll(*learner, true);
  source.Grow(5);
  RunAll(*learner, true);
  EXPECT_EQ(learner->progress().steps_stream, 18U);
  source.Grow(19);
  EXPECT_FALSE(learner->HasNew(false));
  source.Grow(1);  // 23 would be missing, and a block is never longer than a batch
  RunAll(*learner, false);
  EXPECT_EQ(learner->progress().steps_stream, 21U);
  source.Grow(13);  // 80 in all: as many steps as without a flush
  RunAll(*learner, false);
  EXPECT_EQ(learner->progress().steps_stream, 24U);
  EXPECT_EQ(learner->waiting(), 0U);
}

TEST(LearnerTest, AStreamOfSingleEpisodesDoesNotCrowdOutReplayWhenItSpeedsUp) {
  FakeSource source(1);
  LearnerConfig config = Config();
  config.batch_episodes = 100;
  const auto learner = *Learner::Create(Model(), config, &source);
  for (int i = 0; i < 40; ++i) {
    RunAll(*learner, true);
    source.Grow(1);
  }
  RunAll(*learner, true);
  source.Grow(29);
  EXPECT_FALSE(learner->HasNew(false));
  source.Grow(1);
  EXPECT_TRUE(learner->HasNew(false));  // a block of 10, and 20 more, whatever was flushed before
}

TEST(LearnerTest, ReplayIsUniformOverEverythingTaken) {
  FakeSource source(50);
  const auto learner = Make(source);
  RunAll(*learner, true);
  const size_t before = source.loads().size();
  constexpr int kSteps = 300;
  for (int i = 0; i < kSteps; ++i) ASSERT_TRUE(learner->StepReplay().ok());
  std::map<EpisodeId, int> count;
  for (size_t i = before; i < source.loads().size(); ++i) {
    EXPECT_EQ(source.loads()[i].size(), 20U);
    for (const EpisodeId id : source.loads()[i]) ++count[id];
  }
  ASSERT_EQ(count.size(), 40U);
  // Each is drawn with chance 1/2 in each of 300 steps: 150 times, give or take 8.7.
  double chi_square = 0;
  for (const auto& [id, n] : count) {
    chi_square += (n - kSteps / 2.0) * (n - kSteps / 2.0) / (kSteps / 4.0);
  }
  EXPECT_LT(chi_square, 70);  // 40 expected; above 70 once in 500 seeds
  EXPECT_GT(chi_square, 15);
  EXPECT_EQ(learner->progress().steps_consolidation, 300U);
}

TEST(LearnerTest, ARestartGoesOnInTheMiddleOfABlock) {
  FakeSource source(33);
  FakeSource again(33);
  const auto learner = Make(source);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(learner->StepNew(false).ok());
  auto restored = Learner::Restore(Model(), Config(), &again, learner->Checkpoint());
  ASSERT_TRUE(restored.ok()) << restored.status();
  RunAll(*learner, true);
  RunAll(**restored, true);
  ASSERT_TRUE(learner->StepReplay().ok());
  ASSERT_TRUE((*restored)->StepReplay().ok());
  EXPECT_TRUE(std::equal(again.loads().begin(), again.loads().end(), source.loads().begin() + 7,
                         source.loads().end()));
  EXPECT_EQ((*restored)->Checkpoint(), learner->Checkpoint());
}

TEST(LearnerTest, ACheckpointThatIsAheadOfBindingWaitsForIt) {
  FakeSource source(33);
  const auto learner = Make(source);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(learner->StepNew(false).ok());
  const std::string checkpoint = learner->Checkpoint();
  FakeSource behind(29);
  EXPECT_EQ(
      Learner::Restore(Model(), Config(), &behind, checkpoint, /*all_bound=*/false).status().code(),
      absl::StatusCode::kOutOfRange);
  behind.Grow(1);
  const auto restored =
      Learner::Restore(Model(), Config(), &behind, checkpoint, /*all_bound=*/false);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ((*restored)->Checkpoint(), checkpoint);
  EXPECT_EQ(Learner::Restore(Model(), Config(), &source, checkpoint.substr(1)).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(LearnerTest, WhereEpisodesAreGoneForGoodItGoesOnWithThoseThatAreLeft) {
  FakeSource source(33);
  const auto learner = Make(source);
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(learner->StepNew(false).ok());  // in the third block
  for (const uint64_t left : {25, 20, 3, 0}) {
    SCOPED_TRACE(left);
    FakeSource rest(left);
    const auto restored = Learner::Restore(Model(), Config(), &rest, learner->Checkpoint());
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ((*restored)->progress().taken, left);
    EXPECT_EQ((*restored)->progress().trainable, left - left / 5);
    EXPECT_EQ((*restored)->progress().steps_total, 7U);
    EXPECT_EQ((*restored)->waiting(), 0U);
    RunAll(**restored, true);  // what is left of the block that was under way
    EXPECT_FALSE((*restored)->HasNew(true));
    EXPECT_EQ((*restored)->StepReplay().ok(), left > 0);
    rest.Grow(10);
    const size_t before = rest.loads().size();
    RunAll(**restored, false);
    EXPECT_EQ((*restored)->progress().taken, left + 10);
    ASSERT_EQ(rest.loads().size(), before + 3);
    EXPECT_EQ(rest.loads()[before].front(), 100 + left);
  }
}

TEST(LearnerTest, AnEpisodeThatCannotBeReadIsLeftOut) {
  FakeSource source(20);
  source.Damage(103);
  const auto learner = Make(source);
  RunAll(*learner, true);
  EXPECT_EQ(learner->progress().taken, 20U);
  EXPECT_EQ(learner->progress().steps_total, 6U);
  EXPECT_GE(learner->progress().unreadable, 3U);
}

TEST(LearnerTest, SurplusProbesAreReleasedAndARestartKnowsWhich) {
  FakeSource source(200);  // 40 probes
  LearnerConfig config = Config();
  config.probes_max = 16;
  auto learner = Learner::Create(Model(), config, &source);
  ASSERT_TRUE(learner.ok()) << learner.status();
  RunAll(**learner, true);
  EXPECT_LE((*learner)->probes().size(), 16U);
  EXPECT_EQ((*learner)->probes().size() + (*learner)->progress().trainable, 200U);
  auto restored = Learner::Restore(Model(), config, &source, (*learner)->Checkpoint());
  ASSERT_TRUE(restored.ok()) << restored.status();
  ASSERT_EQ((*restored)->probes().size(), (*learner)->probes().size());
  ASSERT_TRUE((*learner)->StepReplay().ok());
  ASSERT_TRUE((*restored)->StepReplay().ok());
  EXPECT_EQ(source.loads()[source.loads().size() - 1], source.loads()[source.loads().size() - 2]);
}

TEST(LearnerTest, WithoutReplayItSeesNewEpisodesAlone) {
  FakeSource source(40);
  LearnerConfig config = Config();
  config.replay = false;
  auto learner = Learner::Create(Model(), config, &source);
  ASSERT_TRUE(learner.ok()) << learner.status();
  RunAll(**learner, true);
  for (const auto& ids : source.loads()) EXPECT_EQ(ids.size(), 8U);
  EXPECT_FALSE((*learner)->StepReplay().ok());
}

TEST(LearnerTest, ABatchThatCannotHoldABlockIsRefused) {
  FakeSource source(1);
  LearnerConfig config = Config();
  config.batch_episodes = 5;
  EXPECT_EQ(Learner::Create(Model(), config, &source).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mixmatch
