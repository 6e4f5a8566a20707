// Files that an earlier build wrote are read, all of them, and are whole.
//
// golden/format-N holds the database of golden_memory.h as the first build of that format wrote it.
// To write the files of a new format: GOLDEN_OUT=FOLDER golden_test
//     --gtest_also_run_disabled_tests --gtest_filter='*WritesTheFiles'
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "golden_memory.h"
#include "storage/check/fsck.h"

namespace mixmatch {
namespace testing::golden {

void Write(const std::string& path) {
  const OpenLog open(path);
  Database* const database = open.database.get();
  ASSERT_TRUE(open.log->AppendBindingConfig({}, At(500)).ok());
  for (PendingEvent& event : Events()) {
    ASSERT_EQ(AppendOne(*open.log, std::move(event), 1000).outcome, AppendOutcome::kStored);
  }
  ASSERT_TRUE(open.log->AppendIdleCloses({"kitchen"}, At(2000)).ok());
  const auto episodes = *EpisodeTable::Open(database, open.log.get(), 16);
  Binder binder(*episodes->LoadBinder());
  std::vector<LogEntry> entries;
  ASSERT_TRUE(open.log->ScanEntries(1, 100, entries).ok());
  BindingDelta delta;
  for (const LogEntry& entry : entries) binder.Add(entry, delta);
  ASSERT_TRUE(episodes->Apply(delta, binder.state(), open.log->last_seq() + 1).ok());

  GenerationTable generations(database);
  ASSERT_TRUE(generations.PutRecords(std::vector<GenerationRecord>{Generation()}).ok());
  ASSERT_TRUE(generations.PutWeights("generation/3", Weights()).ok());
  SkillTable skills(database);
  ASSERT_TRUE(skills.Create(Skill()).ok());
  ASSERT_TRUE(skills.Put(1, Teachings()).ok());
  GraphTable graph(database);
  ASSERT_TRUE(graph.Put(3, {.set = ConceptSet(Concepts()), .found_among = 10}, 0).ok());
  ASSERT_TRUE(database->PutSetting("learning", "paused").ok());

  const auto spaces = MakeEmbeddingSpaces(database, kIndex);
  const auto space = *spaces->Create(3, kDimension);
  Naive naive;
  Fill(*space, naive, kEmbedded, 4, 1);
}

}  // namespace testing::golden

namespace {

namespace golden = testing::golden;
using testing::kDimension;
using testing::kPartitions;

class GoldenTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    std::filesystem::copy(std::string(GOLDEN_DIR) + "/" + GetParam(), dir_.path(""),
                          std::filesystem::copy_options::recursive);
    path_ = dir_.path("db");
  }

  const testing::TempDir dir_;
  std::string path_;
};

TEST_P(GoldenTest, IsWhole) {
  const auto report = Fsck(path_, [](std::string_view, uint64_t) {});
  ASSERT_TRUE(report.ok()) << report.status();
  for (const FsckFinding& finding : report->findings) {
    // The space's embeddings are of more events than the log has: it is there for its size.
    EXPECT_EQ(finding.family, "space_3") << finding.what;
  }
}

TEST_P(GoldenTest, EventsAndEpisodesAreWhatWasStored) {
  const testing::OpenLog open(path_);
  const std::vector<PendingEvent> events = golden::Events();
  ASSERT_EQ(open.log->event_count(), events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& wanted = events[i].event;
    const auto seq = open.log->Find(wanted.source, wanted.event_id);
    ASSERT_EQ(seq.value_or(0), i + 2);
    const auto stored = open.log->Get(*seq, Detail::kFull);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(HashEvent(stored->event), HashEvent(wanted)) << wanted.event_id;
    const auto percepts = open.log->EventPercepts(*seq);
    ASSERT_TRUE(percepts.ok()) << percepts.status();
    ASSERT_EQ(percepts->size(), events[i].features.size());
    for (size_t p = 0; p < percepts->size(); ++p) {
      EXPECT_EQ((*percepts)[p].features.bytes, events[i].features[p].bytes);
      EXPECT_EQ((*percepts)[p].modality, SpecOf(wanted.percepts[p]));
    }
  }
  EventFilter filter;
  filter.metadata = {{"letter", {"x"}}};
  EXPECT_EQ(*open.log->Resolve(filter), std::vector<Seq>{3});
  filter = {};
  filter.scenes = {"kitchen"};
  EXPECT_EQ(*open.log->Resolve(filter), (std::vector<Seq>{3, 6}));
  const auto episodes = *EpisodeTable::Open(open.database.get(), open.log.get(), 16);
  EXPECT_EQ(episodes->next_seq(), open.log->last_seq() + 1);
  EXPECT_EQ(episodes->episode_count(), 4U);
  EXPECT_EQ(episodes->Get(*episodes->EpisodeOf(3))->scene, "kitchen");
  // And the log goes on.
  EXPECT_EQ(testing::AppendOne(*open.log, testing::MakePending("eye", "new", 300, {})).seq, 9U);
}

TEST_P(GoldenTest, GenerationsSkillsAndConceptsAreWhatWasStored) {
  const auto database = *Database::Open(path_, {});
  GenerationTable generations(database.get());
  const auto records = *generations.ListRecords();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].number, 3U);
  ASSERT_EQ(records[0].scores.size(), 1U);
  EXPECT_EQ(records[0].scores[0].measure, "image -> audio");
  EXPECT_EQ(records[0].scores[0].serving, 0.5);
  EXPECT_EQ(records[0].weights_hash, golden::Generation().weights_hash);
  EXPECT_EQ(generations.GetWeights("generation/3").value_or(""), golden::Weights());
  EXPECT_EQ(database->GetSetting("learning").value_or(""), "paused");
  SkillTable skills(database.get());
  ASSERT_EQ(skills.List()->size(), 1U);
  EXPECT_EQ(skills.List()->front().name, "letters");
  EXPECT_EQ(skills.List()->front().modalities, golden::Skill().modalities);
  std::vector<Teaching> teachings;
  ASSERT_TRUE(skills.Scan(1, 0, 10, teachings).ok());
  ASSERT_EQ(teachings.size(), 2U);
  EXPECT_EQ(teachings[0].lesson, golden::Teachings()[0].lesson);
  EXPECT_EQ(teachings[1].example, golden::Teachings()[1].example);
  EXPECT_EQ(teachings[1].fresh.size(), 1U);
  const auto graph = GraphTable(database.get()).Latest();
  ASSERT_TRUE(graph.ok()) << graph.status();
  EXPECT_EQ(graph->set.parts().concepts[0].members, golden::Concepts().concepts[0].members);
  EXPECT_EQ(graph->set.parts().means, golden::Concepts().means);
}

// Format 1 began with graphs in the place of lists: they are passed over.
TEST_P(GoldenTest, TheIndexIsLoaded) {
  const testing::OpenSpace open(path_, golden::kIndex, false);
  testing::Naive naive;
  {
    const testing::TempDir other;
    testing::OpenSpace again(other.path("db"), golden::kIndex, true);
    testing::Fill(*again.space, naive, golden::kEmbedded, 4, 1);
  }
  EXPECT_EQ(open.space->count(), 2 * golden::kEmbedded);
  for (size_t i = 0; i < naive.items.size(); i += 37) {
    const float* const query = naive.vectors.data() + i * kDimension;
    const auto found = open.space->Search(kPartitions, {query, kDimension}, 1, nullptr);
    ASSERT_TRUE(found.ok()) << found.status();
    ASSERT_EQ(found->neighbours.size(), 1U);
    EXPECT_NEAR(found->neighbours[0].similarity, 1, 1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, GoldenTest, ::testing::Values("format-1"),
                         [](const auto& parameter) {
                           std::string name = parameter.param;
                           name.erase(name.find('-'), 1);
                           return name;
                         });

TEST(GoldenFiles, DISABLED_WritesTheFiles) {
  const char* const out = std::getenv("GOLDEN_OUT");
  ASSERT_NE(out, nullptr) << "set GOLDEN_OUT to a new folder";
  std::filesystem::create_directories(out);
  const std::string path = std::string(out) + "/db";
  golden::Write(path);
  { const testing::OpenLog again(path); }  // from the log file into tables
  // What RocksDB says of itself, and can do without.
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename();
    if (name.rfind("LOG", 0) == 0 || name.rfind("OPTIONS", 0) == 0 || name == "LOCK") {
      std::filesystem::remove(entry.path());
    }
  }
}

}  // namespace
}  // namespace mixmatch
