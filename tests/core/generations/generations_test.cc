// Generations over stores in memory: following, publishing, crashing in the middle, rolling back.
#include "core/generations/generations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "memory_stores.h"

namespace mixmatch {
namespace {

using ::testing::FloatNear;
using ::testing::Pointwise;
using ::testing::SizeIs;

class GenerationsTest : public ::testing::Test {
 protected:
  void SetUp() override { Reopen(); }

  // As after a restart: nothing but the stores is left.
  void Reopen() {
    generations_.reset();
    auto opened =
        Generations::Open(*ModelConfigOf("nano", 1), &store_, &spaces_, &log_, &log_, &clock_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    generations_ = *std::move(opened);
  }
  void AddEvents(int count) {
    for (int i = 0; i < count; ++i) log_.AddEvent();
  }
  void FollowAll() {
    for (auto left = generations_->Follow();; left = generations_->Follow()) {
      ASSERT_TRUE(left.ok()) << left.status();
      if (!*left) return;
    }
  }
  Candidate MakeCandidate(uint64_t seed, uint64_t steps = 100) {
    return {.encoder = *Encoder::Create(*ModelConfigOf("nano", seed)),
            .learner_checkpoint = "learner of " + std::to_string(seed),
            .steps = steps,
            .taken = 5,
            .learned = 7,
            .trigger = "command"};
  }
  static Verdict Pass() {
    return {.publish = true,
            .reason = "published: test",
            .partner_distances = {{"audio", "image", 0.25, 9}}};
  }

  GenerationRecord Publish(uint64_t seed) {
    EXPECT_TRUE(generations_->Begin(MakeCandidate(seed), Pass()).ok());
    for (int i = 0; i < 1000; ++i) {
      const auto done = generations_->Advance();
      EXPECT_TRUE(done.ok()) << done.status();
      if (!done.ok() || *done) return done.ok() ? **done : GenerationRecord();
    }
    ADD_FAILURE() << "the publish never ended";
    return {};
  }

  FixedClock clock_;
  MemoryGenerationStore store_;
  MemorySpaces spaces_;
  MemoryLog log_;
  std::unique_ptr<Generations> generations_;
};

TEST_F(GenerationsTest, ServesGenerationZeroFromTheFirstCallOn) {
  EXPECT_EQ(generations_->serving()->number, 0U);
  AddEvents(3);
  FollowAll();
  EXPECT_EQ(generations_->serving()->embeddings->count(), 3U);
  EXPECT_EQ(generations_->serving()->embeddings->cursor().next_seq, 4U);
}

TEST_F(GenerationsTest, ASpaceKnowsHowFarItsEncoderPutsPartners) {
  EXPECT_TRUE(generations_->serving()->partner_distances.empty());
  Publish(2);
  const std::vector<PartnerDistance> expected = Pass().partner_distances;
  EXPECT_EQ(generations_->serving()->partner_distances, expected);
  Reopen();
  EXPECT_EQ(generations_->serving()->partner_distances, expected);
  ASSERT_TRUE(generations_->Rollback().ok());
  EXPECT_TRUE(generations_->serving()->partner_distances.empty());
}

TEST_F(GenerationsTest, EmbedsPerceptsAndClosedEpisodes) {
  AddEvents(300);
  log_.CloseEpisode(1, 3);
  FollowAll();
  EXPECT_EQ(spaces_.spaces[0]->count(), 301U);
  EXPECT_TRUE(spaces_.spaces[0]->items.contains(ItemId::ForEpisode(1)));
  EXPECT_EQ(generations_->serving()->embeddings->cursor(),
            (SpaceCursor{.next_seq = 301, .next_closed = 1}));
}

TEST_F(GenerationsTest, GivesAnEpisodeOfOnePerceptThePointOfThatPercept) {
  AddEvents(40);
  for (Seq seq = 1; seq <= 30; ++seq) log_.CloseEpisode(seq, seq);
  log_.CloseEpisode(31, 40);
  FollowAll();
  const auto& items = spaces_.spaces[0]->items;
  ASSERT_EQ(items.size(), 71U);
  for (Seq seq = 1; seq <= 30; ++seq) {
    const auto& [partition, vector] = items.at(ItemId::ForEpisode(seq));
    EXPECT_EQ(partition, kEpisodePartition);
    EXPECT_EQ(vector, items.at(ItemId::ForPercept(seq, 0)).second) << seq;
  }
  EXPECT_NE(items.at(ItemId::ForEpisode(31)).second, items.at(ItemId::ForPercept(31, 0)).second);
  // Embedded, it would be the same but for rounding.
  const TrainingEpisode episode = [this] {
    std::vector<TrainingEpisode> loaded;
    EXPECT_TRUE(log_.Load(std::vector<EpisodeId>{7}, loaded).ok());
    return loaded.at(0);
  }();
  const Mixture mixture = {{&episode.percepts[0].modality, &episode.percepts[0].features}};
  std::vector<float> embedded(items.at(ItemId::ForEpisode(7)).second.size());
  ASSERT_TRUE(generations_->serving()->encoder->Embed(std::span(&mixture, 1), embedded).ok());
  EXPECT_THAT(embedded, Pointwise(FloatNear(1e-5F), items.at(ItemId::ForEpisode(7)).second));
}

// Many wait, so chunks are larger: nothing is left out where one ends.
TEST_F(GenerationsTest, FollowsAsMuchAsEverWaits) {
  AddEvents(5000);
  for (Seq seq = 1; seq < 5000; seq += 3) log_.CloseEpisode(seq, seq + (seq % 2 == 0 ? 1 : 0));
  FollowAll();
  EXPECT_EQ(spaces_.spaces[0]->count(), 5000U + log_.closed_count());
  EXPECT_EQ(generations_->serving()->embeddings->cursor(),
            (SpaceCursor{.next_seq = 5001, .next_closed = log_.closed_count()}));
}

TEST_F(GenerationsTest, EpisodesAreNotAheadOfTheirPercepts) {
  AddEvents(5000);
  for (Seq seq = 1; seq < 5000; seq += 100) log_.CloseEpisode(seq, seq + 99);
  while (generations_->serving()->embeddings->cursor().next_closed < 50) {
    ASSERT_TRUE(generations_->Follow().ok());
    const SpaceCursor cursor = generations_->serving()->embeddings->cursor();
    if (cursor.next_closed > 0) {
      ASSERT_LT(log_.closed[cursor.next_closed - 1].id, cursor.next_seq);
    }
  }
  FollowAll();
  EXPECT_EQ(spaces_.spaces[0]->count(), 5050U);
}

TEST_F(GenerationsTest, AnEpisodeThatCannotBeLoadedDoesNotHoldUpPercepts) {
  AddEvents(400);
  log_.CloseEpisode(1, 2);
  log_.damaged = 1;
  absl::Status last;
  for (int i = 0; i < 10; ++i) last = generations_->Follow().status();
  EXPECT_TRUE(absl::IsDataLoss(last)) << last;
  EXPECT_EQ(generations_->serving()->embeddings->cursor(),
            (SpaceCursor{.next_seq = 401, .next_closed = 0}));
}

TEST_F(GenerationsTest, PublishesEverythingReembeddedAndKeepsThePrevious) {
  AddEvents(1200);
  FollowAll();
  const auto before = generations_->serving();
  const GenerationRecord record = Publish(2);
  EXPECT_EQ(record.number, 1U);
  EXPECT_EQ(record.state, GenerationState::kServing);
  EXPECT_EQ(generations_->serving()->number, 1U);
  EXPECT_EQ(generations_->serving()->learned, 7U);
  EXPECT_EQ(spaces_.spaces[1]->count(), 1200U);
  EXPECT_NE(spaces_.spaces[1]->items[ItemId::ForPercept(1, 0)],
            spaces_.spaces[0]->items[ItemId::ForPercept(1, 0)]);
  EXPECT_EQ(store_.records[0].state, GenerationState::kKept);
  EXPECT_EQ(before->number, 0U);  // whoever holds it may finish
  EXPECT_FALSE(generations_->progress().has_value());
}

// What is appended in between in another way is written to a table of its own each time.
TEST_F(GenerationsTest, PublishesInTheBackgroundAlone) {
  AddEvents(5000);
  for (Seq seq = 1; seq <= 5000; ++seq) log_.CloseEpisode(seq, seq);
  FollowAll();
  EXPECT_GT(spaces_.spaces[0]->in_front, 0U);
  EXPECT_EQ(Publish(2).embedded, 10000U);
  EXPECT_EQ(spaces_.spaces[1]->in_front, 0U);
  EXPECT_TRUE(spaces_.spaces[1]->flushed) << "what serves outlives the process";
}

TEST_F(GenerationsTest, TakesInWhatComesWhilePublishing) {
  AddEvents(600);
  FollowAll();
  ASSERT_TRUE(generations_->Begin(MakeCandidate(2), Pass()).ok());
  ASSERT_TRUE(generations_->Advance().ok());
  AddEvents(50);
  FollowAll();
  for (auto done = generations_->Advance(); !*done; done = generations_->Advance()) {
    ASSERT_TRUE(done.ok());
    EXPECT_EQ(generations_->serving()->number, 0U);
  }
  EXPECT_EQ(spaces_.spaces[1]->count(), 650U);
  AddEvents(10);
  FollowAll();
  EXPECT_EQ(spaces_.spaces[0]->count(), 660U) << "the kept generation follows too";
  EXPECT_EQ(spaces_.spaces[1]->count(), 660U);
}

TEST_F(GenerationsTest, GoesOnWithAPublishAfterACrash) {
  AddEvents(1500);
  FollowAll();
  ASSERT_TRUE(generations_->Begin(MakeCandidate(2), Pass()).ok());
  ASSERT_FALSE((*generations_->Advance()).has_value());
  const uint64_t done = spaces_.spaces[1]->count();
  ASSERT_GT(done, 0U);
  ASSERT_LT(done, 1500U);
  Reopen();
  EXPECT_EQ(generations_->serving()->number, 0U);
  ASSERT_TRUE(generations_->progress().has_value());
  EXPECT_EQ(generations_->progress()->done, done);
  while (!(*generations_->Advance()).has_value()) {
  }
  EXPECT_EQ(generations_->serving()->number, 1U);
  EXPECT_EQ(spaces_.spaces[1]->count(), 1500U);
}

TEST_F(GenerationsTest, ServesTheOldOneWhenTheSwapCannotBeWritten) {
  AddEvents(10);
  FollowAll();
  ASSERT_TRUE(generations_->Begin(MakeCandidate(2), Pass()).ok());
  ASSERT_TRUE(generations_->Advance().ok());
  store_.fail_records = true;
  EXPECT_FALSE(generations_->Advance().ok());
  EXPECT_EQ(generations_->serving()->number, 0U);
  store_.fail_records = false;
  EXPECT_TRUE((*generations_->Advance()).has_value());
  EXPECT_EQ(generations_->serving()->number, 1U);
}

TEST_F(GenerationsTest, RetiresTheOneBeforeThePrevious) {
  AddEvents(5);
  FollowAll();
  Publish(2);
  Publish(3);
  EXPECT_EQ(store_.records[0].state, GenerationState::kRetired);
  EXPECT_FALSE(spaces_.spaces.contains(0));
  EXPECT_FALSE(store_.weights.contains("generation/0/encoder"));
  EXPECT_TRUE(store_.weights.contains("generation/1/encoder"));
  EXPECT_EQ(generations_->serving()->number, 2U);
}

TEST_F(GenerationsTest, RefusesASecondPublishAndARollbackMeanwhile) {
  AddEvents(5);
  FollowAll();
  Publish(2);
  ASSERT_TRUE(generations_->Begin(MakeCandidate(3), Pass()).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(generations_->Begin(MakeCandidate(4), Pass())));
  EXPECT_TRUE(absl::IsFailedPrecondition(generations_->Rollback().status()));
}

TEST_F(GenerationsTest, RollsBackUnderTheOldNumberWithItsLearner) {
  AddEvents(5);
  FollowAll();
  EXPECT_TRUE(absl::IsFailedPrecondition(generations_->Rollback().status()));
  Publish(2);
  Publish(3);
  AddEvents(2);
  FollowAll();
  const auto checkpoint = generations_->Rollback();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(*checkpoint, "learner of 2");
  EXPECT_EQ(generations_->serving()->number, 1U);
  EXPECT_EQ(generations_->serving()->embeddings->count(), 7U);
  Reopen();
  EXPECT_EQ(generations_->serving()->number, 1U);
  EXPECT_EQ(Publish(4).number, 3U) << "numbers are never reused";
}

TEST_F(GenerationsTest, RecordsARefusedCandidateUnderItsOwnNumber) {
  const auto refused =
      generations_->Refuse(MakeCandidate(2), {.publish = false, .reason = "refused: test"});
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->number, 1U);
  EXPECT_EQ(generations_->serving()->number, 0U);
  ASSERT_THAT(generations_->records(), SizeIs(2));
  EXPECT_EQ(generations_->records()[0].state, GenerationState::kRefused);
  EXPECT_EQ(Publish(3).number, 2U);
}

TEST_F(GenerationsTest, ReembedsASpaceThatIsDamagedOrLost) {
  AddEvents(20);
  FollowAll();
  const auto vectors = spaces_.spaces[0]->items;
  spaces_.damaged = 0;
  Reopen();
  EXPECT_EQ(generations_->serving()->embeddings->count(), 0U);
  EXPECT_TRUE(absl::IsDataLoss(generations_->serving()->dropped));
  FollowAll();
  ASSERT_EQ(spaces_.spaces[0]->items.size(), vectors.size());
  for (const auto& [item, entry] : vectors) {
    const auto& again = spaces_.spaces[0]->items[item].second;
    for (size_t d = 0; d < again.size(); ++d) EXPECT_NEAR(again[d], entry.second[d], 1e-5);
  }
}

TEST_F(GenerationsTest, MakesASpaceAnewThatHoldsMoreEpisodesThanHaveClosed) {
  AddEvents(6);
  for (const Seq first : {1, 3, 5}) log_.CloseEpisode(first, first + 1);
  FollowAll();
  Publish(2);
  ASSERT_TRUE(generations_->Begin(MakeCandidate(3), Pass()).ok());
  ASSERT_TRUE(generations_->Advance().ok());  // all of it, but for the swap
  // Bound anew, without an event that was forgotten: others, and fewer.
  log_.closed.clear();
  log_.members.clear();
  log_.CloseEpisode(2, 4);
  Reopen();
  FollowAll();
  log_.CloseEpisode(5, 6);
  FollowAll();
  ASSERT_TRUE(generations_->progress().has_value());
  for (int i = 0; i < 10 && generations_->progress().has_value(); ++i) {
    ASSERT_TRUE(generations_->Advance().ok());
  }
  EXPECT_EQ(generations_->serving()->number, 2U);
  for (const Generation number : {1, 2}) {
    EXPECT_EQ(spaces_.spaces[number]->count(), 8U) << number;
    EXPECT_TRUE(spaces_.spaces[number]->items.contains(ItemId::ForEpisode(2))) << number;
    EXPECT_TRUE(spaces_.spaces[number]->items.contains(ItemId::ForEpisode(5))) << number;
    EXPECT_FALSE(spaces_.spaces[number]->items.contains(ItemId::ForEpisode(1))) << number;
  }
}

TEST_F(GenerationsTest, RefusesToOpenWithoutAServingRecord) {
  store_.records[0].state = GenerationState::kRetired;
  const auto opened =
      Generations::Open(*ModelConfigOf("nano", 1), &store_, &spaces_, &log_, &log_, &clock_);
  EXPECT_TRUE(absl::IsDataLoss(opened.status()));
}

}  // namespace
}  // namespace mixmatch
