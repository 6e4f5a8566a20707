// Episodes as the binder makes them, over restarts.
#include "storage/episode_table.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::AppendOne;
using testing::At;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;
using testing::VectorPercept;

// A log with episodes and the binder between them, as a daemon has it.
struct Bound {
  explicit Bound(const std::string& path, size_t percepts_max = 16) : open(path) {
    table = *EpisodeTable::Open(open.database.get(), open.log.get(), percepts_max);
    binder = std::make_unique<Binder>(*table->LoadBinder());
  }

  // Binds what is new, `at_once` entries at a time.
  void Bind(size_t at_once) {
    while (table->next_seq() <= open.log->last_seq()) {
      std::vector<LogEntry> entries;
      ASSERT_TRUE(open.log->ScanEntries(table->next_seq(), at_once, entries).ok());
      ASSERT_FALSE(entries.empty());
      BindingDelta delta;
      for (const LogEntry& entry : entries) binder->Add(entry, delta);
      ASSERT_TRUE(table->Apply(delta, binder->state(), entries.back().seq + 1).ok());
    }
  }

  OpenLog open;
  std::unique_ptr<EpisodeTable> table;
  std::unique_ptr<Binder> binder;
};

PendingEvent SceneEvent(const std::string& scene, int number, double seconds) {
  PendingEvent pending = MakePending("s", scene + std::to_string(number), seconds,
                                     {TextPercept("w" + std::to_string(number))});
  pending.event.scene = scene;
  pending.event.position = Position{static_cast<double>(number), 0, 0};
  return pending;
}

// Everything that a table says, in words, to compare two.
std::string Describe(const EpisodeTable& table, Seq last_seq) {
  std::string text = "open " + std::to_string(table.open_count()) + " all " +
                     std::to_string(table.episode_count()) + " probes " +
                     std::to_string(table.probe_count()) + "\n";
  std::vector<ClosedEpisode> closed;
  EXPECT_TRUE(table.ListClosed(0, 100000, closed).ok());
  EXPECT_EQ(closed.size(), table.closed_count());
  for (const ClosedEpisode& c : closed) {
    text += "closed " + std::to_string(c.id) + (c.probe ? " probe\n" : "\n");
  }
  std::vector<Seq> seqs;
  std::set<EpisodeId> ids;
  for (Seq seq = 1; seq <= last_seq; ++seq) {
    const auto id = table.EpisodeOf(seq);
    EXPECT_TRUE(id.ok()) << id.status();
    seqs.push_back(seq);
    if (id.value_or(0) == 0) continue;
    ids.insert(*id);
    const auto episode = table.Get(*id);
    EXPECT_TRUE(episode.ok()) << episode.status();
    text += std::to_string(seq) + " in " + std::to_string(*id) + " of '" + episode->scene + "' " +
            absl::FormatTime(episode->start) + absl::FormatTime(episode->end) +
            (episode->closed ? " closed" : " open") + (episode->late ? " late" : "") +
            (episode->probe ? " probe" : "") + ":";
    for (const EpisodeMember& m : episode->members) {
      text += " " + std::to_string(m.seq) + "@" + absl::FormatTime(m.time) + "x" +
              std::to_string(m.percept_count);
    }
    text += "\n";
  }
  const auto of_all = table.EpisodesOf(seqs);
  EXPECT_TRUE(of_all.ok()) << of_all.status();
  EXPECT_EQ(*of_all, std::vector<EpisodeId>(ids.begin(), ids.end()));
  return text;
}

// Interleaved scenes, out of order, with merges, late events and idle closes.
void FillLog(EventLog& log) {
  BindingConfig config;
  config.probe_share = 0.4;
  config.probe_block = absl::Seconds(1);
  ASSERT_TRUE(log.AppendBindingConfig(config, At(0)).ok());
  int number = 0;
  for (int i = 0; i < 40; ++i) {
    for (const std::string& scene : {std::string(), std::string("a"), std::string("b\0c", 3)}) {
      AppendOne(log, SceneEvent(scene, ++number, i * 4.0));
      // Two that are apart, then one that joins them.
      AppendOne(log, SceneEvent(scene, ++number, i * 4.0 + 1.2));
      AppendOne(log, SceneEvent(scene, ++number, i * 4.0 + 0.6));
      if (i % 10 == 9) AppendOne(log, SceneEvent(scene, ++number, i * 4.0 - 19));
    }
    if (i % 15 != 14) continue;
    ASSERT_TRUE(log.AppendIdleCloses({"a"}, At(i)).ok());
  }
}

TEST(EpisodeTableTest, RestartsAtAnyPointBindAsOneRunDoes) {
  const TempDir dir;
  std::string whole;
  {
    Bound bound(dir.path("whole"));
    FillLog(*bound.open.log);
    bound.Bind(100000);
    whole = Describe(*bound.table, bound.open.log->last_seq());
    EXPECT_GT(bound.table->closed_count(), 50u);
    EXPECT_GT(bound.table->probe_count(), 5u);
    EXPECT_LT(bound.table->probe_count(), bound.table->closed_count());
    EXPECT_NE(whole.find("late"), std::string::npos);
  }
  {
    const OpenLog open(dir.path("pieces"));
    FillLog(*open.log);
  }
  // One entry a run, reopening now and then.
  for (Seq until = 40;; until += 61) {
    Bound bound(dir.path("pieces"));
    const Seq last = bound.open.log->last_seq();
    while (bound.table->next_seq() <= std::min(until, last)) {
      std::vector<LogEntry> entries;
      ASSERT_TRUE(bound.open.log->ScanEntries(bound.table->next_seq(), 1, entries).ok());
      BindingDelta delta;
      bound.binder->Add(entries.front(), delta);
      ASSERT_TRUE(bound.table->Apply(delta, bound.binder->state(), entries.front().seq + 1).ok());
    }
    if (until >= last) {
      EXPECT_EQ(Describe(*bound.table, last), whole);
      break;
    }
  }
}

TEST(EpisodeTableTest, MergedEpisodesLeaveNothingBehind) {
  const TempDir dir;
  Bound bound(dir.path("db"));
  AppendOne(*bound.open.log, SceneEvent("a", 1, 0));
  AppendOne(*bound.open.log, SceneEvent("a", 2, 1.5));
  bound.Bind(100);
  EXPECT_EQ(bound.table->open_count(), 2u);
  EXPECT_EQ(bound.table->EpisodeOf(2).value_or(0), 2u);
  const std::vector<Seq> both = {1, 2};
  EXPECT_EQ(*bound.table->EpisodesOf(both), (std::vector<EpisodeId>{1, 2}));
  AppendOne(*bound.open.log, SceneEvent("a", 3, 0.8));
  bound.Bind(100);
  EXPECT_EQ(bound.table->open_count(), 1u);
  EXPECT_EQ(bound.table->episode_count(), 1u);
  EXPECT_EQ(bound.table->EpisodeOf(2).value_or(0), 1u);
  EXPECT_EQ(*bound.table->EpisodesOf(both), std::vector<EpisodeId>{1});
  EXPECT_TRUE(absl::IsNotFound(bound.table->Get(2).status()));
  const auto merged = bound.table->Get(1);
  ASSERT_TRUE(merged.ok()) << merged.status();
  EXPECT_EQ(merged->members.size(), 3u);
  EXPECT_FALSE(merged->closed);
}

TEST(EpisodeTableTest, OrdinalsListInTheOrderOfClosing) {
  const TempDir dir;
  Bound bound(dir.path("db"));
  for (int i = 0; i < 10; ++i) AppendOne(*bound.open.log, SceneEvent("a", i, i * 100.0));
  bound.Bind(3);
  ASSERT_EQ(bound.table->closed_count(), 9u);
  std::vector<ClosedEpisode> closed;
  ASSERT_TRUE(bound.table->ListClosed(2, 3, closed).ok());
  ASSERT_EQ(closed.size(), 3u);
  EXPECT_EQ(closed[0].id, 3u);
  EXPECT_EQ(closed[2].id, 5u);
  ASSERT_TRUE(bound.table->ListClosed(8, ~uint64_t{0}, closed).ok());
  EXPECT_EQ(closed.size(), 4u);
  ASSERT_TRUE(bound.table->ListClosed(9, 5, closed).ok());
  EXPECT_EQ(closed.size(), 4u);
}

TEST(EpisodeTableTest, LoadsPerceptsInSequenceOrderUpToTheLimit) {
  const TempDir dir;
  Bound bound(dir.path("db"), /*percepts_max=*/3);
  for (int i = 0; i < 3; ++i) {
    AppendOne(*bound.open.log,
              MakePending("s", std::to_string(i), i * 0.1,
                          {TextPercept("x"), VectorPercept({static_cast<float>(i), 1})}));
  }
  AppendOne(*bound.open.log, MakePending("s", "far", 100, {ImagePercept("p")}));
  bound.Bind(100);
  std::vector<TrainingEpisode> episodes;
  const EpisodeId ids[] = {4, 1};
  ASSERT_TRUE(bound.table->Load(ids, episodes).ok());
  ASSERT_EQ(episodes.size(), 2u);
  EXPECT_EQ(episodes[0].id, 4u);
  ASSERT_EQ(episodes[0].percepts.size(), 1u);
  EXPECT_EQ(episodes[0].percepts[0].modality.name, "image");
  ASSERT_EQ(episodes[1].percepts.size(), 3u);
  EXPECT_EQ(episodes[1].percepts[1].modality.dimension, 2u);
  EXPECT_EQ(episodes[1].percepts[1].features.Values<float>(), (std::vector<float>{0, 1}));
  EXPECT_EQ(episodes[1].percepts[2].seq, 2u);
  EXPECT_EQ(episodes[1].percepts[2].time, At(0.1));
  const EpisodeId unknown[] = {1, 77};
  EXPECT_TRUE(absl::IsNotFound(bound.table->Load(unknown, episodes)));
  EXPECT_EQ(episodes.size(), 2u);
}

}  // namespace
}  // namespace mixmatch
