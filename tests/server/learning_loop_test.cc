// The learner where binding began anew: it is waited for, and what is gone for good is not missed.
// And when it publishes by itself: by age, also where the clock was wrong, by gain, within its
// cost.
#include "server/learning_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
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

class SetClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixSeconds(seconds_); }
  void Move(absl::Duration by) { seconds_ += absl::ToInt64Seconds(by); }

 private:
  std::atomic<int64_t> seconds_ = 1'800'000'000;
};

// A memory with what the learning loop works on; it is bound when a test says so.
class Memory {
 public:
  explicit Memory(const std::string& path, const Config& config = MakeConfig())
      : open_(path), store_(open_.database.get()) {
    const ModelConfig model = *ModelConfigOf("nano", 1);
    episodes_ = *EpisodeTable::Open(open_.database.get(), open_.log.get(), 16);
    spaces_ = MakeEmbeddingSpaces(open_.database.get(), {});
    generations_ = *Generations::Open(model, &store_, spaces_.get(), open_.log.get(),
                                      episodes_.get(), &clock_);
    watermarks_ =
        std::make_unique<Watermarks>(open_.log.get(), episodes_.get(), generations_.get());
    binder_ = Binder(*episodes_->LoadBinder());
    loop_ = std::make_unique<LearningLoop>(config, model,
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

  void HoldOut(double probe_share) {
    ASSERT_TRUE(open_.log->AppendBindingConfig({.probe_share = probe_share}, clock_.Now()).ok());
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
  const LearningLoop& loop() const { return *loop_; }
  GenerationTable& store() { return store_; }
  const GenerationTable& store() const { return store_; }
  SetClock& clock() { return clock_; }
  const EpisodeTable& episodes() const { return *episodes_; }
  Seq learned() const { return watermarks_->Get().learned; }

 private:
  SetClock clock_;
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

// Learns all the time, and publishes by itself for the reason alone that a test adds.
Config PublishingConfig() {
  Config config = MakeConfig();
  config.learning.consolidate_when_idle = true;
  config.learning.idle_after = absl::ZeroDuration();
  config.learning.idle_cpu_share = 1;
  config.learning.idle_passes_max = 1e9;
  config.generations.automatic = true;
  config.generations.publish_from = 1;
  config.generations.publish_on_growth = 0;
  config.generations.publish_on_gain = 0;
  config.generations.publish_max_age = absl::ZeroDuration();
  config.generations.reembed_max = 1e9;
  return config;
}

void Begin(Memory& memory) {
  memory.Append(81);
  memory.Bind(kAll);
  ASSERT_TRUE(memory.loop().Start().ok());
}

uint64_t Steps(const Memory& memory) { return memory.loop().snapshot().progress.steps_total; }

// One could be published 100 steps after the last was, or was refused.
void AwaitStepsToAnother(Memory& memory) {
  const uint64_t then = Steps(memory);
  ASSERT_TRUE(WaitUntil([&] { return Steps(memory) >= then + 150; })) << Steps(memory);
}

// Of those asked for by this trigger, also those refused.
size_t CountAsked(const Memory& memory, std::string_view trigger) {
  const auto records = *memory.store().ListRecords();
  return std::count_if(records.begin(), records.end(), [trigger](const GenerationRecord& record) {
    return record.trigger == trigger;
  });
}

size_t CountPublished(const Memory& memory) {
  const auto records = *memory.store().ListRecords();
  return std::count_if(records.begin(), records.end(), [](const GenerationRecord& record) {
    return record.number > 0 && record.state != GenerationState::kRefused &&
           record.state != GenerationState::kEmbedding;
  });
}

TEST(LearningLoopTest, WhatServesForTooLongIsFollowedAndWhatIsOfTheFutureToo) {
  const testing::TempDir dir;
  Config config = PublishingConfig();
  config.generations.publish_max_age = absl::Hours(1);
  Memory memory(dir.path("db"), config);
  ASSERT_NO_FATAL_FAILURE(Begin(memory));
  ASSERT_NO_FATAL_FAILURE(AwaitStepsToAnother(memory));
  const size_t begun = CountAsked(memory, "age");
  EXPECT_LE(begun, 1U) << "before anything was published";
  memory.clock().Move(absl::Hours(1));
  ASSERT_TRUE(WaitUntil([&] { return CountAsked(memory, "age") == begun + 1; }));
  ASSERT_NO_FATAL_FAILURE(AwaitStepsToAnother(memory));
  EXPECT_EQ(CountAsked(memory, "age"), begun + 1) << "it is new";
  memory.clock().Move(-absl::Hours(24));
  EXPECT_TRUE(WaitUntil([&] { return CountAsked(memory, "age") > begun + 1; }))
      << "what serves is of tomorrow";
  memory.loop().Stop();
}

TEST(LearningLoopTest, AGainIsPublishedAndWhatGainsLessIsNeitherPublishedNorRefused) {
  const testing::TempDir dir;
  for (const double gain : {0.01, 0.9}) {
    Config config = PublishingConfig();
    config.generations.publish_on_gain = gain;
    Memory memory(dir.path(gain < 0.5 ? "reached" : "not reached"), config);
    ASSERT_NO_FATAL_FAILURE(memory.HoldOut(0.2));
    ASSERT_NO_FATAL_FAILURE(Begin(memory));
    if (gain < 0.5) {
      EXPECT_TRUE(WaitUntil([&] { return CountPublished(memory) > 0; }));
      EXPECT_GT(CountAsked(memory, "gain"), 0U);
    } else {
      ASSERT_NO_FATAL_FAILURE(AwaitStepsToAnother(memory));
      EXPECT_EQ(CountAsked(memory, "gain"), 0U);
    }
    memory.loop().Stop();
  }
}

TEST(LearningLoopTest, PublishingEndsWhereItWouldCostMoreThanIsAllowed) {
  const testing::TempDir dir;
  for (const double times : {1.5, 2.5}) {
    Config config = PublishingConfig();
    config.generations.publish_on_growth = 1.01;
    config.generations.reembed_max = times;
    Memory memory(dir.path(times < 2 ? "once" : "twice"), config);
    ASSERT_NO_FATAL_FAILURE(Begin(memory));
    const size_t allowed = times < 2 ? 1 : 2;
    ASSERT_TRUE(WaitUntil([&] { return CountPublished(memory) == allowed; }));
    ASSERT_NO_FATAL_FAILURE(AwaitStepsToAnother(memory));
    EXPECT_EQ(CountPublished(memory), allowed);
    memory.loop().Stop();
  }
}

}  // namespace
}  // namespace mixmatch
