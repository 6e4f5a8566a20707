// The learner where binding began anew: it is waited for, and what is gone for good is not missed.
#include "server/learning_loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/check/rebuild.h"
#include "storage/index/spaces.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::MakePending;
using testing::VectorPercept;
using testing::WaitUntil;

constexpr size_t kAll = 1'000'000;

Config MakeConfig() {
  Config config;
  config.learning.threads = 1;
  config.learning.flush_after = absl::ZeroDuration();
  config.learning.consolidate_when_idle = false;
  config.generations.automatic = false;
  return config;
}

// A memory with what the learning loop works on; it is bound when a test says so.
class Memory {
 public:
  explicit Memory(const std::string& path) : open_(path), store_(open_.database.get()) {
    const ModelConfig model = *ModelConfigOf("nano", 1);
    episodes_ = *EpisodeTable::Open(open_.database.get(), open_.log.get(), 16);
    spaces_ = MakeEmbeddingSpaces(open_.database.get(), {});
    generations_ = *Generations::Open(model, &store_, spaces_.get(), open_.log.get(),
                                      episodes_.get(), &clock_);
    watermarks_ =
        std::make_unique<Watermarks>(open_.log.get(), episodes_.get(), generations_.get());
    binder_ = Binder(*episodes_->LoadBinder());
    loop_ = std::make_unique<LearningLoop>(MakeConfig(), model,
                                           LearningLoop::Parts{.database = open_.database.get(),
                                                               .episodes = episodes_.get(),
                                                               .store = &store_,
                                                               .generations = generations_.get(),
                                                               .watermarks = watermarks_.get(),
                                                               .log = open_.log.get(),
                                                               .clock = &clock_,
                                                               .skill_scores = {}});
  }

  // Events far apart: each is an episode, which closes when the next one comes.
  void Append(int count) {
    for (int i = 0; i < count; ++i) {
      const auto number = static_cast<float>(open_.log->last_seq() + 1);
      testing::AppendOne(*open_.log, MakePending("s", std::to_string(number), 100.0 * number,
                                                 {VectorPercept({number, 1, 2}, "left"),
                                                  VectorPercept({3, number, 1}, "right")}));
    }
  }

  // Binds the next entries, as the follower does.
  void Bind(size_t limit) {
    std::vector<LogEntry> entries;
    ASSERT_TRUE(open_.log->ScanEntries(episodes_->next_seq(), limit, entries).ok());
    BindingDelta delta;
    for (const LogEntry& entry : entries) binder_.Add(entry, delta);
    const Seq next = entries.back().seq + 1;
    ASSERT_TRUE(episodes_->Apply(delta, binder_.state(), next).ok());
    watermarks_->SetBound(next, binder_.oldest_open());
    loop_->Wake();
  }

  // Waits until every closed episode is taken; returns how many steps there were until then.
  uint64_t AwaitTaken() {
    EXPECT_TRUE(WaitUntil([this] {
      const LearnerProgress progress = loop_->snapshot().progress;
      return progress.taken > 0 && progress.taken == episodes_->closed_count();
    })) << loop_->snapshot().progress.taken
        << " of " << episodes_->closed_count();
    return loop_->snapshot().progress.steps_total;
  }

  LearningLoop& loop() { return *loop_; }
  GenerationTable& store() { return store_; }
  const EpisodeTable& episodes() const { return *episodes_; }
  Seq learned() const { return watermarks_->Get().learned; }

 private:
  const SystemClock clock_;
  testing::OpenLog open_;
  GenerationTable store_;
  std::unique_ptr<EpisodeTable> episodes_;
  std::unique_ptr<EmbeddingSpaces> spaces_;
  std::unique_ptr<Generations> generations_;
  std::unique_ptr<Watermarks> watermarks_;
  Binder binder_;
  std::unique_ptr<LearningLoop> loop_;  // last, so that its thread ends first
};

// Learns 40 closed episodes; returns the number of steps.
uint64_t Learn(const std::string& path) {
  Memory memory(path);
  memory.Append(41);
  memory.Bind(kAll);
  EXPECT_TRUE(memory.loop().Start().ok());
  const uint64_t steps = memory.AwaitTaken();
  EXPECT_GE(steps, 4U);
  memory.loop().Stop();
  return steps;
}

TEST(LearningLoopTest, BindingThatBeganAnewIsWaitedForAndTheLoopCanEndMeanwhile) {
  const testing::TempDir dir;
  const std::string path = dir.path("db");
  const uint64_t steps = Learn(path);
  {
    const auto database = *Database::Open(path, {});
    ASSERT_TRUE(Rebuild(database.get(), RebuildWhat::kEpisodes, testing::FeaturesFor,
                        [](std::string_view, uint64_t) {})
                    .ok());
  }
  {
    Memory memory(path);
    ASSERT_EQ(memory.episodes().closed_count(), 0U);
    ASSERT_TRUE(memory.loop().Start().ok());
    memory.Bind(10);
    absl::Status published;
    memory.loop().Publish({.report = [](const PublishNews&) {},
                           .done = [&published](const absl::Status& s) { published = s; }});
    EXPECT_EQ(memory.loop().snapshot().progress.steps_total, 0U);
    EXPECT_TRUE(memory.loop().snapshot().health.ok());
    memory.loop().Stop();
    EXPECT_TRUE(absl::IsUnavailable(published)) << published;
    EXPECT_TRUE(absl::IsUnavailable(memory.loop().Rollback()));
  }
  Memory memory(path);
  ASSERT_EQ(memory.episodes().next_seq(), 11U);
  ASSERT_TRUE(memory.loop().Start().ok());
  memory.Bind(20);
  memory.Bind(kAll);
  EXPECT_EQ(memory.AwaitTaken(), steps);  // none was made again
  EXPECT_EQ(memory.episodes().closed_count(), 40U);
  EXPECT_EQ(memory.learned(), 40U);
  memory.Append(8);
  memory.Bind(kAll);
  EXPECT_GT(memory.AwaitTaken(), steps);
}

// As after a salvage with losses: the learner's checkpoint comes over, episodes do not.
TEST(LearningLoopTest, WhereEpisodesAreGoneForGoodItStartsWithThoseThatAreLeft) {
  const testing::TempDir dir;
  const uint64_t steps = Learn(dir.path("whole"));
  std::string checkpoint;
  {
    Memory whole(dir.path("whole"));
    checkpoint = *whole.store().GetWeights("learner");
  }
  for (const bool bound : {true, false}) {
    Memory rest(dir.path(bound ? "bound" : "not bound"));
    ASSERT_TRUE(rest.store().PutWeights("learner", checkpoint).ok());
    rest.Append(21);
    if (bound) rest.Bind(kAll);
    ASSERT_TRUE(rest.loop().Start().ok());
    if (!bound) rest.Bind(kAll);
    EXPECT_EQ(rest.AwaitTaken(), steps);
    EXPECT_EQ(rest.episodes().closed_count(), 20U);
    EXPECT_EQ(rest.learned(), 20U);
    rest.Append(8);
    rest.Bind(kAll);
    EXPECT_GT(rest.AwaitTaken(), steps);
  }
}

}  // namespace
}  // namespace mixmatch
