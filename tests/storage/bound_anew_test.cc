// Where binding begins anew, what was embedded of the episodes of before goes with them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "storage/check/rebuild.h"
#include "storage/episode_table.h"
#include "storage/index/spaces.h"
#include "storage/keys.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::Bind;
using ::testing::FloatNear;
using testing::MakePending;
using testing::OpenLog;
using ::testing::Pointwise;
using testing::RawDatabase;
using testing::TempDir;
using testing::TextPercept;

constexpr int kEvents = 6;  // an episode each; the last one stays open
constexpr int kDimension = 8;
constexpr ModalityId kText = 1;

std::vector<float> VectorOf(uint64_t number) {
  return testing::RandomUnitVectors(1, kDimension, 0, static_cast<uint32_t>(number));
}

void Embed(EmbeddingSpace& space, ItemId item, ModalityId partition, SpaceCursor next) {
  const EmbeddedItem one{.item = item, .partition = partition};
  ASSERT_TRUE(space.Append({&one, 1}, VectorOf(item.value), next, false).ok());
}

class BoundAnewTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const OpenLog open(path_);
    for (int i = 1; i <= kEvents; ++i) {
      AppendOne(*open.log, MakePending("s", std::to_string(i), i * 100, {TextPercept("t")}));
    }
    const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
    Bind(open, *table);
    ASSERT_EQ(table->closed_count(), kEvents - 1U);
    const auto spaces = MakeEmbeddingSpaces(open.database.get(), {});
    for (const Generation generation : {0, 3}) {
      const auto space = *spaces->Create(generation, kDimension);
      SpaceCursor cursor;
      for (Seq seq = 1; seq <= kEvents; ++seq) {
        cursor.next_seq = seq + 1;
        Embed(*space, ItemId::ForPercept(seq, 0), kText, cursor);
      }
      for (EpisodeId id = 1; id < kEvents; ++id) {
        ++cursor.next_closed;
        Embed(*space, ItemId::ForEpisode(id), kEpisodePartition, cursor);
      }
    }
  }

  // What a start or a rebuild that clears binding leaves of the spaces.
  void CheckPerceptsAloneAreLeft() {
    const OpenLog open(path_);
    const auto table = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
    EXPECT_EQ(table->closed_count(), 0U);
    const auto spaces = MakeEmbeddingSpaces(open.database.get(), {});
    for (const Generation generation : {0, 3}) {
      const auto space = *spaces->Open(generation);
      EXPECT_EQ(space->cursor(), (SpaceCursor{.next_seq = kEvents + 1, .next_closed = 0}));
      EXPECT_EQ(space->count(), static_cast<uint64_t>(kEvents));
      std::vector<float> read(kDimension);
      const ItemId third = ItemId::ForPercept(3, 0);
      ASSERT_TRUE(space->Read(kText, third, read).ok());
      EXPECT_THAT(read, Pointwise(FloatNear(2e-5F), VectorOf(third.value)));
      const ModalityId episodes[] = {kEpisodePartition};
      const auto found = space->Search(episodes, VectorOf(1), 10, nullptr);
      ASSERT_TRUE(found.ok()) << found.status();
      EXPECT_TRUE(found->neighbours.empty());
      Embed(*space, ItemId::ForEpisode(2), kEpisodePartition, space->cursor());
    }
  }

  const TempDir dir_;
  const std::string path_ = dir_.path("db");
};

TEST_F(BoundAnewTest, ARebuildOfEpisodesTakesTheirEmbeddingsOut) {
  {
    RawDatabase raw(path_);  // lists of another version, over rows that go and over others
    for (const ModalityId partition : {kEpisodePartition, kText}) {
      raw.Put("space_3", keys::SpaceListsManifest(partition, 0), "x");
      raw.Put("space_3", keys::SpaceListsChunk(partition, 0, 0), "x");
    }
  }
  {
    const auto database = *Database::Open(path_, {});
    ASSERT_TRUE(Rebuild(database.get(), RebuildWhat::kEpisodes, testing::FeaturesFor,
                        [](std::string_view, uint64_t) {})
                    .ok());
  }
  {
    RawDatabase raw(path_);
    EXPECT_EQ(raw.Keys("space_3", "m"),
              std::vector<std::string>{keys::SpaceListsManifest(kText, 0)});
    EXPECT_EQ(raw.Keys("space_3", "g"),
              std::vector<std::string>{keys::SpaceListsChunk(kText, 0, 0)});
  }
  CheckPerceptsAloneAreLeft();
  const OpenLog open(path_);  // and rows that came since are whole
  const auto spaces = MakeEmbeddingSpaces(open.database.get(), {});
  EXPECT_EQ((*spaces->Open(0))->count(), kEvents + 1U);
}

TEST_F(BoundAnewTest, AStartWithDamagedBindingTakesTheirEmbeddingsOut) {
  RawDatabase(path_).Flip("scenes", "", -1);
  CheckPerceptsAloneAreLeft();
}

TEST_F(BoundAnewTest, ASpaceWhoseCursorIsDamagedIsMadeAnew) {
  {
    RawDatabase raw(path_);
    raw.Flip("space_0", std::string(keys::kSpaceCursor), -1);
    raw.Flip("scenes", "", -1);
  }
  const OpenLog open(path_);
  ASSERT_TRUE(EpisodeTable::Open(open.database.get(), open.log.get(), 16).ok());
  const auto spaces = MakeEmbeddingSpaces(open.database.get(), {});
  EXPECT_TRUE(absl::IsNotFound(spaces->Open(0).status()));
  EXPECT_TRUE(spaces->Create(0, kDimension).ok());
  EXPECT_TRUE(spaces->Open(3).ok());
}

}  // namespace
}  // namespace mixmatch
