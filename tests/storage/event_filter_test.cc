// Filters and pages against a loop over everything.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "storage/database_impl.h"
#include "storage/event_log.h"
#include "storage/keys.h"
#include "storage/posting_cache.h"
#include "storage/skill_table.h"
#include "storage_testing.h"

namespace mixmatch {
namespace {

using testing::At;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;
using testing::VectorPercept;

bool Contains(const std::vector<std::string>& list, const std::string& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// The definition of a filter, as mixmatch.v1.Filter words it.
bool Passes(const EventFilter& filter, const LoggedEvent& logged) {
  const Event& event = logged.event;
  if (filter.time_start && event.time < *filter.time_start) return false;
  if (filter.time_end && event.time >= *filter.time_end) return false;
  if (filter.ingest_start && logged.ingest_time < *filter.ingest_start) return false;
  if (filter.ingest_end && logged.ingest_time >= *filter.ingest_end) return false;
  if (!filter.sources.empty() && !Contains(filter.sources, event.source)) return false;
  if (!filter.scenes.empty() && !Contains(filter.scenes, event.scene)) return false;
  if (!filter.modalities.empty() &&
      std::none_of(event.percepts.begin(), event.percepts.end(), [&filter](const Percept& p) {
        return Contains(filter.modalities, p.modality);
      })) {
    return false;
  }
  return std::all_of(filter.metadata.begin(), filter.metadata.end(), [&event](const auto& c) {
    const auto found = event.metadata.find(c.first);
    return found != event.metadata.end() && Contains(c.second, found->second);
  });
}

// 400 random events in batches, with other entries of the log between them.
class EventFilterTest : public ::testing::Test {
 protected:
  void SetUp() override { AppendUpTo(400); }

  void AppendUpTo(int count) {
    while (appended_ < count) {
      std::vector<PendingEvent> batch;
      for (size_t n = 1 + Draw(20); n > 0; --n) batch.push_back(RandomEvent(++appended_));
      ASSERT_TRUE(
          open_.log->Append(std::move(batch), At(appended_ + static_cast<int>(Draw(3)))).ok());
      if (Draw(3) != 0) continue;
      ASSERT_TRUE(open_.log->AppendIdleCloses({"s1"}, At(appended_)).ok());
    }
    for (Seq seq = all_.empty() ? 1 : all_.back().seq + 1; seq <= open_.log->last_seq(); ++seq) {
      auto event = open_.log->Get(seq, Detail::kFull);
      if (event.ok()) all_.push_back(*std::move(event));
    }
    ASSERT_EQ(all_.size(), open_.log->event_count());
  }

  uint64_t Draw(uint64_t below) { return random_() % below; }
  std::string Name(const char* prefix, uint64_t below) {
    return prefix + std::to_string(Draw(below));
  }

  PendingEvent RandomEvent(int i) {
    std::vector<Percept> percepts = {TextPercept(Name("w", 9), Name("m", 4))};
    if (Draw(2) == 0) percepts.push_back(VectorPercept({1, 2}, Name("v", 2)));
    // Names whose bytes run into each other unless keys keep them apart.
    PendingEvent pending = MakePending(std::string(Draw(4), 'a'), std::to_string(i),
                                       static_cast<double>(Draw(300)), percepts);
    pending.event.scene = Name("s", 3);
    pending.event.metadata["digit"] = std::to_string(Draw(10));
    if (Draw(3) == 0) pending.event.metadata["long"] = std::string(300 + Draw(2), 'l');
    return pending;
  }

  std::vector<std::string> SomeOf(const char* prefix, uint64_t below) {
    std::vector<std::string> names;
    if (Draw(3) == 0) {
      for (uint64_t n = 1 + Draw(2); n > 0; --n) names.push_back(Name(prefix, below));
    }
    return names;
  }

  EventFilter RandomFilter() {
    EventFilter filter;
    if (Draw(3) == 0) filter.time_start = At(static_cast<double>(Draw(150)));
    if (Draw(3) == 0) filter.time_end = At(static_cast<double>(100 + Draw(250)));
    if (Draw(4) == 0) filter.ingest_start = At(static_cast<double>(Draw(450)));
    if (Draw(4) == 0) filter.ingest_end = At(static_cast<double>(Draw(450)));
    filter.modalities = SomeOf("m", 5);
    if (Draw(3) == 0) filter.sources = {std::string(Draw(5), 'a'), std::string(Draw(4), 'a')};
    filter.scenes = SomeOf("s", 4);
    if (Draw(3) == 0) filter.metadata.push_back({"digit", {std::to_string(Draw(11)), "3", "3"}});
    if (Draw(5) == 0) filter.metadata.push_back({"long", {std::string(301, 'l')}});
    return filter;
  }

  std::vector<Seq> Expected(const EventFilter& filter) const {
    std::vector<Seq> seqs;
    for (const LoggedEvent& event : all_) {
      if (Passes(filter, event)) seqs.push_back(event.seq);
    }
    return seqs;
  }

  const TempDir dir_;
  std::mt19937_64 random_{7};
  OpenLog open_{dir_.path("db")};
  std::vector<LoggedEvent> all_;
  int appended_ = 0;
};

TEST_F(EventFilterTest, ResolvesWhatALoopOverAllEventsFinds) {
  size_t found = 0;
  for (int round = 0; round < 300; ++round) {
    const EventFilter filter = RandomFilter();
    const auto resolved = open_.log->Resolve(filter);
    ASSERT_TRUE(resolved.ok()) << resolved.status();
    ASSERT_EQ(*resolved, Expected(filter)) << "round " << round;
    found += resolved->size();
  }
  EXPECT_GT(found, 1000u);  // the filters do let events pass
}

TEST_F(EventFilterTest, WhatCameSinceAFilterWasAskedIsFoundToo) {
  std::vector<EventFilter> filters;
  for (int i = 0; i < 12; ++i) filters.push_back(RandomFilter());
  for (int round = 1; round <= 20; ++round) {
    for (size_t i = 0; i < filters.size(); ++i) {
      const auto resolved = open_.log->Resolve(filters[i]);
      ASSERT_TRUE(resolved.ok()) << resolved.status();
      ASSERT_EQ(*resolved, Expected(filters[i])) << "round " << round << " filter " << i;
    }
    AppendUpTo(400 + 20 * round);
  }
}

TEST_F(EventFilterTest, WhatWasTaughtAboutAnEventIsACondition) {
  SkillTable skills(open_.database.get());
  ASSERT_TRUE(skills.Create({.id = 1, .name = "other"}).ok());
  ASSERT_TRUE(skills.Create({.id = 2, .name = "colours"}).ok());
  std::vector<Teaching> lessons;
  std::vector<Seq> red;
  std::vector<Seq> all;
  for (size_t i = 3; i < all_.size(); i += 5) {
    const bool is_red = i % 2 == 0;
    lessons.push_back({.example = all_[i].seq, .lesson = {.labels = {is_red ? "red" : "blue"}}});
    all.push_back(all_[i].seq);
    if (is_red) red.push_back(all_[i].seq);
  }
  FreshPercept fresh{.percept = TextPercept("crimson"), .features = {}};
  fresh.features = testing::FeaturesFor(fresh.percept);
  Teaching by_itself{.example = FreshExampleId({fresh}), .lesson = {.labels = {"red"}}};
  by_itself.fresh = {fresh};
  lessons.push_back(by_itself);
  ASSERT_TRUE(skills.Put(2, lessons).ok());
  EventFilter filter;
  filter.taught = {{"colours", {"red", "green"}}};
  EXPECT_EQ(*open_.log->Resolve(filter), red);
  filter.taught = {{"colours", {}}};
  EXPECT_EQ(*open_.log->Resolve(filter), all);
  filter.taught = {{"colours", {}}, {"colours", {"red"}}};
  EXPECT_EQ(*open_.log->Resolve(filter), red);
  for (const char* const skill : {"other", "none"}) {
    filter.taught = {{skill, {}}};
    EXPECT_TRUE(open_.log->Resolve(filter)->empty());
  }
}

// With room for next to nothing, lists are read again and again, and are right all the same.
TEST_F(EventFilterTest, ForgottenListsAreReadAgain) {
  PostingCache cache(&open_.database->impl(), 1000);
  const Seq last = open_.log->last_seq();
  for (int round = 0; round < 3; ++round) {
    for (const char* scene : {"s0", "s1", "s2"}) {
      EventFilter filter;
      filter.scenes = {scene};
      const auto seqs = cache.Postings(Family::kByScene, keys::NamePrefix(scene), last);
      ASSERT_TRUE(seqs.ok()) << seqs.status();
      EXPECT_EQ(**seqs, Expected(filter));
    }
  }
}

TEST_F(EventFilterTest, NamesThatNobodyHasAreNotKeptForEver) {
  constexpr size_t kBytes = 20'000;
  PostingCache cache(&open_.database->impl(), kBytes);
  for (int i = 0; i < 1000; ++i) {
    const std::string nobody = "nobody" + std::to_string(i);
    const auto seqs =
        cache.Postings(Family::kByScene, keys::NamePrefix(nobody), open_.log->last_seq());
    ASSERT_TRUE(seqs.ok()) << seqs.status();
    EXPECT_TRUE((*seqs)->empty());
  }
  EXPECT_GT(cache.bytes(), 0u);
  EXPECT_LE(cache.bytes(), kBytes);
  EXPECT_LT(cache.entries(), 100u);
}

TEST_F(EventFilterTest, PagesInBothDirectionsCoverEachEventOnce) {
  for (int round = 0; round < 20; ++round) {
    const EventFilter filter = round == 0 ? EventFilter() : RandomFilter();
    for (const bool descending : {false, true}) {
      std::vector<Seq> listed;
      Seq after = 0;
      for (;;) {
        const auto page = open_.log->List(filter, after, 7, descending, Detail::kHeader);
        ASSERT_TRUE(page.ok()) << page.status();
        ASSERT_LE(page->size(), 7u);
        for (const LoggedEvent& event : *page) listed.push_back(event.seq);
        if (page->empty()) break;
        after = listed.back();
        if (after == 1 && descending) break;
      }
      std::vector<Seq> expected = Expected(filter);
      if (descending) std::reverse(expected.begin(), expected.end());
      ASSERT_EQ(listed, expected) << "round " << round << (descending ? " descending" : "");
    }
  }
}

TEST_F(EventFilterTest, ConditionsOnUnknownNamesLetNothingPass) {
  EventFilter filter;
  filter.modalities = {"never sent"};
  EXPECT_TRUE(open_.log->Resolve(filter)->empty());
  filter = {};
  filter.metadata = {{"digit", {}}};
  EXPECT_TRUE(open_.log->Resolve(filter)->empty());
}

}  // namespace
}  // namespace mixmatch
