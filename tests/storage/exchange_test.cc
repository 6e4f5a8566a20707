// What is exported comes back, to the byte, and what was changed on the way is refused.
#include "storage/exchange/exchange.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "golden_memory.h"
#include "storage/check/fsck.h"
#include "storage/forgetting.h"
#include "storage/retention.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;
namespace golden = testing::golden;
using testing::AppendOne;
using testing::At;
using ::testing::HasSubstr;
using testing::ImagePercept;
using testing::MakePending;
using testing::OpenLog;
using testing::TempDir;
using testing::TextPercept;
using testing::VectorPercept;

constexpr auto kSilent = [](std::string_view, uint64_t) {};

// Of every kind: payloads, entries, dropped and forgotten ones, lessons, weights.
void MakeMemory(const std::string& path) {
  {
    const OpenLog open(path);
    Database* const database = open.database.get();
    ASSERT_TRUE(open.log->AppendBindingConfig({}, At(1)).ok());
    AppendOne(*open.log, MakePending("eye", "old", 1, {ImagePercept("old"), TextPercept("hush")}),
              2);
    AppendOne(*open.log, MakePending("eye", "private", 1, {TextPercept("secret")}), 3);
    for (PendingEvent& event : golden::Events()) {
      event.event.metadata.erase("binary");  // no API lets it in
      ASSERT_EQ(AppendOne(*open.log, std::move(event), 1000).outcome, AppendOutcome::kStored);
    }
    PendingEvent odd =
        MakePending("ear \"quoted\" ü", "1/3\n", 3, {VectorPercept({0.1F, 1e-30F, 3}, "pose")});
    odd.event.time += absl::Nanoseconds(123456789);
    odd.event.duration = absl::Nanoseconds(1);
    AppendOne(*open.log, std::move(odd), 1001);
    ASSERT_TRUE(open.log->AppendIdleCloses({"kitchen"}, At(2000)).ok());
    GenerationTable generations(database);
    ASSERT_TRUE(generations.PutRecords(std::vector<GenerationRecord>{golden::Generation()}).ok());
    ASSERT_TRUE(generations.PutWeights("generation/3", golden::Weights()).ok());
    ASSERT_TRUE(generations.PutWeights("learner", "checkpoint").ok());
    ASSERT_TRUE(generations.PutWeights("learner", "a later checkpoint").ok());
    SkillTable skills(database);
    ASSERT_TRUE(skills.Create(golden::Skill()).ok());
    ASSERT_TRUE(skills.Put(1, golden::Teachings()).ok());
    GraphTable graph(database);
    ASSERT_TRUE(graph.Put(3, {.set = ConceptSet(golden::Concepts()), .found_among = 10}, 0).ok());
    ASSERT_TRUE(database->PutSetting("learning", "paused").ok());
    ASSERT_TRUE(AskToForget(database, std::vector<Seq>{3}, {}, At(3000)).ok());
  }
  const auto database = *Database::Open(path, {});
  ASSERT_TRUE(ForgetAsAsked(database.get(), kSilent).ok());
  ASSERT_TRUE(EndForgetting(database.get()).ok());
  { const auto log = *EventLog::Open(database.get()); }  // writes the mark anew
  std::atomic<bool> stop = false;
  const auto dropped = DropPayloads(database.get(), *ParseRetention("*@eye=1h"), At(5000), stop);
  ASSERT_TRUE(dropped.ok()) << dropped.status();
  ASSERT_GT(dropped->percepts, 2u);
}

// Every file of a folder.
std::map<std::string, std::string> Files(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (!file.is_regular_file()) continue;
    std::ifstream in(file.path(), std::ios::binary);
    files[fs::relative(file.path(), folder).string()] =
        std::string(std::istreambuf_iterator<char>(in), {});
  }
  return files;
}

void Rewrite(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

class ExchangeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(MakeMemory(dir_.path("db")));
    const auto counts = Export(dir_.path("db"), folder_, {}, kSilent);
    ASSERT_TRUE(counts.ok()) << counts.status();
    EXPECT_EQ(counts->events, 8u);
    EXPECT_EQ(counts->entries, 11u);
    EXPECT_EQ(counts->lessons, 2u);
    EXPECT_EQ(counts->weights, 2u);
  }

  absl::StatusOr<ExchangeCounts> ImportTo(const std::string& name, ExchangeOptions options = {}) {
    return Import(folder_, dir_.path(name), options, testing::FeaturesFor, kSilent);
  }

  const TempDir dir_;
  const std::string folder_ = dir_.path("out");
};

TEST_F(ExchangeTest, TheExportOfAnImportIsTheSameToTheByte) {
  const auto counts = ImportTo("again");
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->events, 8u);
  ASSERT_TRUE(Export(dir_.path("again"), dir_.path("out2"), {}, kSilent).ok());
  const auto first = Files(folder_);
  const auto second = Files(dir_.path("out2"));
  ASSERT_GT(first.size(), 12u);
  for (const auto& [name, content] : first) {
    ASSERT_TRUE(second.contains(name)) << name;
    EXPECT_EQ(second.at(name), content) << name;
  }
  EXPECT_EQ(second.size(), first.size());
}

TEST_F(ExchangeTest, AnImportHoldsTheSameMemoryAndIsWhole) {
  ASSERT_TRUE(ImportTo("again").ok());
  {
    const OpenLog from(dir_.path("db"));
    const OpenLog to(dir_.path("again"));
    ASSERT_EQ(to.log->last_seq(), from.log->last_seq());
    ASSERT_EQ(to.log->event_count(), from.log->event_count());
    for (Seq seq = 1; seq <= from.log->last_seq(); ++seq) {
      const auto event = from.log->Get(seq, Detail::kFull);
      const auto same = to.log->Get(seq, Detail::kFull);
      ASSERT_EQ(same.ok(), event.ok()) << seq;
      if (!event.ok()) continue;
      EXPECT_EQ(HashEvent(same->event), HashEvent(event->event)) << seq;
      EXPECT_EQ(same->ingest_time, event->ingest_time);
      const auto percepts = from.log->EventPercepts(seq);
      const auto copies = to.log->EventPercepts(seq);
      ASSERT_EQ(copies->size(), percepts->size());
      for (size_t i = 0; i < percepts->size(); ++i) {
        EXPECT_EQ((*copies)[i].features.content, (*percepts)[i].features.content);
        EXPECT_EQ((*copies)[i].features.bytes, (*percepts)[i].features.bytes);
        EXPECT_EQ((*copies)[i].modality_id, (*percepts)[i].modality_id);
      }
    }
    // What was forgotten is not taken again, what is there is known.
    EXPECT_EQ(AppendOne(*to.log, MakePending("eye", "private", 1, {TextPercept("secret")})).outcome,
              AppendOutcome::kRejected);
    EXPECT_EQ(
        AppendOne(*to.log, MakePending("eye", "old", 1, {ImagePercept("old"), TextPercept("hush")}))
            .outcome,
        AppendOutcome::kDuplicate);
    EXPECT_EQ(*GenerationTable(to.database.get()).GetWeights("learner"), "a later checkpoint");
    EXPECT_EQ(*to.database->GetSetting("learning"), "paused");
  }
  const auto report = Fsck(dir_.path("again"), kSilent);
  ASSERT_TRUE(report.ok());
  for (const FsckFinding& finding : report->findings) ADD_FAILURE() << finding.what;
}

TEST_F(ExchangeTest, WithoutWeightsANewLearnerBegins) {
  ASSERT_TRUE(ImportTo("again", {.weights = false}).ok());
  const OpenLog to(dir_.path("again"));
  GenerationTable generations(to.database.get());
  EXPECT_TRUE(generations.ListRecords()->empty());
  EXPECT_TRUE(absl::IsNotFound(generations.GetWeights("learner").status()));
  EXPECT_EQ(to.log->event_count(), 8u);
}

TEST_F(ExchangeTest, WhatWasChangedIsNamedAndNothingIsImported) {
  const auto whole = Files(folder_);
  const auto refused = [&](const std::string& file, const std::string& from, const std::string& to,
                           absl::StatusCode code, const char* named) {
    std::string content = whole.at(file);
    const size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << file << " has no " << from;
    Rewrite(folder_ + "/" + file, content.replace(at, from.size(), to));
    const auto counts = ImportTo("again");
    EXPECT_EQ(counts.status().code(), code) << counts.status();
    EXPECT_THAT(std::string(counts.status().message()), HasSubstr(named));
    EXPECT_FALSE(fs::exists(dir_.path("again")));
    EXPECT_FALSE(fs::exists(dir_.path("again.import")));
    Rewrite(folder_ + "/" + file, whole.at(file));
  };
  using enum absl::StatusCode;
  refused("events.jsonl", "\"last\"", "\"lost\"", kDataLoss, "line 7");
  refused("events.jsonl", "media/", "../../", kInvalidArgument, "not in media/");
  refused("events.jsonl", "\"time\":\"", "\"time\":\"x", kInvalidArgument, "time");
  refused("events.jsonl", "\"modality\":\"word\"", "\"modality\":\"werd\"", kInvalidArgument,
          "werd");
  refused("events.jsonl", "{", "[", kInvalidArgument, "line 1");
  refused("events.jsonl", "\"log\":", "\"lag\":", kInvalidArgument, "line 1: it has no sequence");
  refused("log.jsonl", "\"sequence\":1", "\"sequence\":\"1\"", kInvalidArgument,
          "log.jsonl, line 1");
  refused("log.jsonl", "\"sequence\":1", "\"sequence\":2", kDataLoss, "sequence 2");
  refused("weights/1.bin", whole.at("weights/1.bin"), "other", kDataLoss, "weights/1.bin");
  refused("format.json", "\"version\":1", "\"version\":2", kInvalidArgument, "version 2");
  refused("format.json", "mixmatch", "other", kNotFound, "no export");
  refused("format.json", "\"last_sequence\":11", "\"last_sequence\":12", kDataLoss, "sequence 11");
  refused("format.json", "\"lines\":", "\"lanes\":", kDataLoss, "format.json");
  for (const auto& [name, content] : whole) {
    if (!name.starts_with("media/")) continue;
    refused(name, content, content + "x", kDataLoss, "not what was exported");
    break;
  }
  EXPECT_TRUE(ImportTo("again").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(ImportTo("again").status()));
  EXPECT_TRUE(absl::IsAlreadyExists(Export(dir_.path("db"), folder_, {}, kSilent).status()));
}

TEST_F(ExchangeTest, AFileThatIsGoneOrEndsEarlyIsNotTakenForAllThatThereWas) {
  const auto whole = Files(folder_);
  const auto refused = [&](const std::string& file) {
    const auto counts = ImportTo("again");
    EXPECT_TRUE(absl::IsDataLoss(counts.status())) << file << ": " << counts.status();
    EXPECT_THAT(std::string(counts.status().message()), HasSubstr(file));
    EXPECT_FALSE(fs::exists(dir_.path("again")));
  };
  int files = 0;
  for (const auto& [name, content] : whole) {
    if (!name.ends_with(".jsonl")) continue;
    ++files;
    ASSERT_FALSE(content.empty()) << name;
    const std::string path = folder_ + "/" + name;
    const size_t end = content.rfind('\n', content.size() - 2);  // of the last line but one
    Rewrite(path, end == std::string::npos ? "" : content.substr(0, end + 1));
    refused(name);
    fs::remove(path);
    refused(name);
    Rewrite(path, content);
  }
  EXPECT_EQ(files, 10);
  const std::string name = "teachings.jsonl";
  Rewrite(folder_ + "/" + name, whole.at(name) + whole.at(name));  // nor is more
  refused(name);
  fs::remove(folder_ + "/" + name);
  fs::create_directory(folder_ + "/" + name);  // can be opened, and not read
  refused(name);
  fs::remove(folder_ + "/" + name);
  Rewrite(folder_ + "/" + name, whole.at(name));
  EXPECT_TRUE(ImportTo("again").ok());
}

TEST_F(ExchangeTest, AnExportWithoutWeightsIsWholeWithoutThem) {
  ASSERT_TRUE(Export(dir_.path("db"), dir_.path("plain"), {.weights = false}, kSilent).ok());
  const auto counts =
      Import(dir_.path("plain"), dir_.path("again"), {}, testing::FeaturesFor, kSilent);
  ASSERT_TRUE(counts.ok()) << counts.status();
  EXPECT_EQ(counts->events, 8u);
  EXPECT_EQ(counts->weights, 0u);
}

TEST_F(ExchangeTest, AnExportOfAnEarlierBuildIsReadAsFarAsItGoes) {
  const auto whole = Files(folder_);
  Rewrite(folder_ + "/format.json", "{\"format\":\"mixmatch-export\",\"version\":1}\n");
  const auto counts = ImportTo("again");
  ASSERT_TRUE(counts.ok()) << counts.status();
  ASSERT_TRUE(Export(dir_.path("again"), dir_.path("out2"), {}, kSilent).ok());
  EXPECT_EQ(Files(dir_.path("out2")), whole);
  // What every export has, and one of three that are written together.
  for (const char* const name : {"teachings.jsonl", "graph.jsonl"}) {
    fs::remove(folder_ + "/" + name);
    EXPECT_TRUE(absl::IsDataLoss(ImportTo("partly").status())) << name;
    Rewrite(folder_ + "/" + name, whole.at(name));
  }
  for (const char* const name : {"generations.jsonl", "graph.jsonl", "weights.jsonl"}) {
    fs::remove(folder_ + "/" + name);
  }
  const auto unlearned = ImportTo("unlearned");
  ASSERT_TRUE(unlearned.ok()) << unlearned.status();
  EXPECT_EQ(unlearned->lessons, 2u);
  EXPECT_EQ(unlearned->weights, 0u);
}

}  // namespace
}  // namespace mixmatch
