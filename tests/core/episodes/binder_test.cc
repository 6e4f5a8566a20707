// Binding: windows, lateness, merging, place, idle records, probes, and purity.
#include "core/episodes/binder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace mixmatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::Time At(double seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }

BindingConfig TestConfig() {
  BindingConfig config;
  config.gap = absl::Seconds(1);
  config.max_length = absl::Seconds(10);
  config.lateness = absl::Seconds(2);
  config.probe_share = 0;
  return config;
}

class BinderTest : public ::testing::Test {
 protected:
  explicit BinderTest(const BindingConfig& config = TestConfig()) {
    binder_.Add({.seq = next_++, .what = config}, delta_);
  }

  Seq Event(double time, const std::string& scene = "room",
            std::optional<Position> position = std::nullopt, double duration = 0) {
    binder_.Add({.seq = next_,
                 .what = BindingEvent{.scene = scene,
                                      .time = At(time),
                                      .duration = absl::Seconds(duration),
                                      .position = position,
                                      .percept_count = 1}},
                delta_);
    return next_++;
  }

  void Idle(const std::string& scene = "room") {
    binder_.Add({.seq = next_++, .what = IdleClose{scene}}, delta_);
  }

  const std::vector<OpenEpisode>& Open(const std::string& scene = "room") {
    return binder_.state().scenes.at(scene).open;
  }

  static std::vector<Seq> Members(const Episode& episode) {
    std::vector<Seq> seqs;
    for (const EpisodeMember& member : episode.members) seqs.push_back(member.seq);
    return seqs;
  }

  Seq next_ = 1;
  BindingDelta delta_;
  Binder binder_;
};

TEST_F(BinderTest, BindsEventsWithinTheGapAndClosesBehindTheWatermark) {
  const Seq a = Event(100);
  const Seq b = Event(100.9);
  EXPECT_THAT(delta_.closed, IsEmpty());
  EXPECT_EQ(binder_.oldest_open(), a);
  Event(104);  // watermark 102 > 100.9 + gap
  ASSERT_THAT(delta_.closed, SizeIs(1));
  EXPECT_EQ(delta_.closed[0].id, a);
  EXPECT_THAT(Members(delta_.closed[0]), ElementsAre(a, b));
  EXPECT_TRUE(delta_.closed[0].closed);
  EXPECT_FALSE(delta_.closed[0].late);
  EXPECT_EQ(delta_.closed[0].start, At(100));
  EXPECT_EQ(delta_.closed[0].end, At(100.9));
}

TEST_F(BinderTest, StartsAnotherEpisodeBeyondTheGap) {
  Event(100);
  Event(101.5);
  EXPECT_THAT(Open(), SizeIs(2));
}

TEST_F(BinderTest, BindsOutOfOrderEventsWithinTheLateness) {
  const Seq a = Event(100);
  const Seq c = Event(101.8);
  ASSERT_THAT(Open(), SizeIs(2));
  const Seq b = Event(100.9);  // bridges the two
  ASSERT_THAT(Open(), SizeIs(1));
  EXPECT_EQ(Open()[0].episode.id, a);
  EXPECT_THAT(Members(Open()[0].episode), ElementsAre(a, c, b));
  EXPECT_THAT(delta_.merged_away, ElementsAre(c));
}

TEST_F(BinderTest, KeepsTheSmallestIdWhenAnEarlierEpisodeIsTheFartherOne) {
  const Seq late_half = Event(101.8);
  const Seq early_half = Event(100);
  const Seq bridge = Event(100.95);
  ASSERT_THAT(Open(), SizeIs(1));
  EXPECT_EQ(Open()[0].episode.id, late_half);
  EXPECT_THAT(Members(Open()[0].episode), ElementsAre(late_half, early_half, bridge));
  EXPECT_THAT(delta_.merged_away, ElementsAre(early_half));
}

TEST_F(BinderTest, GivesALateEventAClosedEpisodeOfItsOwn) {
  Event(100);
  const Seq late = Event(97.9);
  ASSERT_THAT(delta_.closed, SizeIs(1));
  EXPECT_EQ(delta_.closed[0].id, late);
  EXPECT_TRUE(delta_.closed[0].late);
  EXPECT_THAT(Members(delta_.closed[0]), ElementsAre(late));
  EXPECT_THAT(Open(), SizeIs(1));
}

TEST_F(BinderTest, AcceptsAnEventExactlyAtTheWatermark) {
  Event(100);
  Event(98);
  EXPECT_THAT(delta_.closed, IsEmpty());
}

TEST_F(BinderTest, EndsAnEpisodeAtItsMaximumLength) {
  for (int i = 0; i <= 12; ++i) Event(100 + i);
  // 100..110 fit into ten seconds; 111 starts anew.
  ASSERT_THAT(Open(), SizeIs(2));
  EXPECT_THAT(Open()[0].episode.members, SizeIs(11));
  EXPECT_THAT(Open()[1].episode.members, SizeIs(2));
  Event(113);
  ASSERT_THAT(delta_.closed, SizeIs(1));
  EXPECT_THAT(delta_.closed[0].members, SizeIs(11));
}

TEST_F(BinderTest, CountsADurationAsPartOfTheSpan) {
  const Seq a = Event(100, "room", std::nullopt, 5);
  const Seq b = Event(105.9);
  ASSERT_THAT(Open(), SizeIs(1));
  EXPECT_THAT(Members(Open()[0].episode), ElementsAre(a, b));
}

TEST_F(BinderTest, KeepsScenesApart) {
  Event(100, "kitchen");
  Event(100, "street");
  EXPECT_EQ(binder_.open_count(), 2U);
  Event(200, "kitchen");
  ASSERT_THAT(delta_.closed, SizeIs(1));
  EXPECT_EQ(delta_.closed[0].scene, "kitchen");
}

TEST_F(BinderTest, ClosesASceneByItsIdleRecord) {
  const Seq a = Event(100);
  Event(100, "street");
  Idle();
  ASSERT_THAT(delta_.closed, SizeIs(1));
  EXPECT_EQ(delta_.closed[0].id, a);
  EXPECT_EQ(binder_.open_count(), 1U);
  const Seq b = Event(100.5);  // in time for the closed one, which never changes
  EXPECT_EQ(Open()[0].episode.id, b);
  Idle("nowhere");
}

class PlaceTest : public BinderTest {
 protected:
  PlaceTest() : BinderTest(Config()) {}
  static BindingConfig Config() {
    BindingConfig config = TestConfig();
    config.bind_radius = 2;
    return config;
  }
};

TEST_F(PlaceTest, BindsEventsFartherApartThanTheRadiusApart) {
  const Seq a = Event(100, "room", Position{0, 0, 0});
  const Seq b = Event(100, "room", Position{3, 0, 0});
  const Seq c = Event(100.1, "room", Position{1.9, 0, 0});  // near both, nearer to neither in time
  ASSERT_THAT(Open(), SizeIs(2));
  EXPECT_THAT(Members(Open()[0].episode), ElementsAre(a, c));
  EXPECT_THAT(Members(Open()[1].episode), ElementsAre(b));
}

TEST_F(PlaceTest, BindsAnEventWithoutPositionWithAny) {
  const Seq a = Event(100, "room", Position{0, 0, 0});
  const Seq b = Event(100.1);
  ASSERT_THAT(Open(), SizeIs(1));
  EXPECT_THAT(Members(Open()[0].episode), ElementsAre(a, b));
}

TEST(BinderConfigTest, HoldsANewConfigurationFromItsRecordOn) {
  Binder binder;
  BindingDelta delta;
  BindingConfig config = TestConfig();
  binder.Add({.seq = 1, .what = config}, delta);
  EXPECT_TRUE(delta.config_changed);
  binder.Add({.seq = 2, .what = BindingEvent{.scene = "s", .time = At(10), .percept_count = 1}},
             delta);
  config.gap = absl::Seconds(5);
  binder.Add({.seq = 3, .what = config}, delta);
  binder.Add({.seq = 4, .what = BindingEvent{.scene = "s", .time = At(14), .percept_count = 1}},
             delta);
  EXPECT_EQ(binder.open_count(), 1U);
}

TEST(BinderPurityTest, BindsTheSameHoweverTheLogIsCut) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> jitter(-3, 3);
  std::vector<LogEntry> log = {{.seq = 1, .what = TestConfig()}};
  for (Seq seq = 2; seq < 600; ++seq) {
    log.push_back({.seq = seq,
                   .what = BindingEvent{.scene = seq % 3 == 0 ? "a" : "b",
                                        .time = At(static_cast<double>(seq) * 0.4 + jitter(random)),
                                        .percept_count = 1}});
  }
  BindingDelta whole;
  Binder one;
  for (const LogEntry& entry : log) one.Add(entry, whole);

  // Stopped and restarted from its stored state at every entry.
  std::vector<Episode> closed;
  BinderState state;
  for (const LogEntry& entry : log) {
    BindingDelta delta;
    Binder restarted(state);
    restarted.Add(entry, delta);
    closed.insert(closed.end(), delta.closed.begin(), delta.closed.end());
    state = restarted.state();
  }
  ASSERT_EQ(closed.size(), whole.closed.size());
  ASSERT_GT(closed.size(), 50U);
  for (size_t i = 0; i < closed.size(); ++i) {
    EXPECT_EQ(closed[i].id, whole.closed[i].id);
    EXPECT_EQ(closed[i].members.size(), whole.closed[i].members.size());
  }
  // Every event is in exactly one episode, open or closed.
  size_t members = 0;
  for (const Episode& episode : closed) members += episode.members.size();
  for (const auto& [name, scene] : state.scenes) {
    for (const OpenEpisode& open : scene.open) members += open.episode.members.size();
  }
  EXPECT_EQ(members, log.size() - 1);
}

TEST(ProbeTest, HoldsOutTheShareInWholeBlocksOfTime) {
  BindingConfig config = TestConfig();
  config.probe_share = 0.05;
  config.probe_block = absl::Seconds(10);
  config.probe_salt = 3;
  int probes = 0;
  constexpr int kBlocks = 20000;
  const auto held_out = [&config](const char* scene, absl::Time start) {
    return IsProbe(config, ProbeDraw(config, scene, start));
  };
  for (int block = 0; block < kBlocks; ++block) {
    const bool first = held_out("room", At(block * 10 + 0.1));
    EXPECT_EQ(first, held_out("room", At(block * 10 + 9.9)));
    probes += first ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(probes) / kBlocks, 0.05, 0.006);
}

TEST(ProbeTest, ChoosesOthersInAnotherSceneOrWithAnotherSalt) {
  BindingConfig config = TestConfig();
  config.probe_share = 0.5;
  BindingConfig salted = config;
  salted.probe_salt = 99;
  int other_scene = 0;
  int other_salt = 0;
  const auto held_out = [](const BindingConfig& from, const char* scene, absl::Time start) {
    return IsProbe(from, ProbeDraw(from, scene, start));
  };
  for (int block = 0; block < 200; ++block) {
    const bool here = held_out(config, "room", At(block * 10));
    other_scene += here != held_out(config, "hall", At(block * 10)) ? 1 : 0;
    other_salt += here != held_out(salted, "room", At(block * 10)) ? 1 : 0;
  }
  EXPECT_GT(other_scene, 50);
  EXPECT_GT(other_salt, 50);
}

}  // namespace
}  // namespace mixmatch
