// mixmatchctl ingest: resuming, bad lines, pacing, and the state file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cli/ingest_state.h"
#include "tests/clients/command_line_fixture.h"

namespace mixmatch::cli {
namespace {

using ::testing::HasSubstr;

TEST_F(CommandLineTest, IngestsAManifestAndSendsNothingTwice) {
  WriteManifest(20);
  const Result first = Ctl({"ingest", "--manifest", manifest_});
  EXPECT_EQ(first.code, kExitOk) << first.err;
  EXPECT_THAT(first.out, HasSubstr("60 stored, 0 there already, 0 rejected"));
  EXPECT_EQ(server_.events().size(), 60);
  const Json again = Json::parse(Ctl({"--json", "ingest", "--manifest", manifest_}).out);
  EXPECT_EQ(again["skipped"], 60);
  EXPECT_EQ(again["sent"], 0);
  EXPECT_EQ(again["last_sequence"], 60);
  for (const auto& [id, times] : server_.received()) EXPECT_EQ(times, 1) << id;
  const Result all = Ctl({"ingest", manifest_, "--no-resume"});
  EXPECT_THAT(all.out, HasSubstr("0 stored, 60 there already"));
}

TEST_F(CommandLineTest, SendsOnlyWhatWasAddedToAGrowingManifest) {
  WriteManifest(5);
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  WriteManifest(6);
  const Json grown = Json::parse(Ctl({"ingest", manifest_, "--json"}).out);
  EXPECT_EQ(grown["skipped"], 15);
  EXPECT_EQ(grown["stored"], 3);
}

TEST_F(CommandLineTest, SendsEverythingToAnotherMemoryInSpiteOfTheState) {
  WriteManifest(5);
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  client::MemoryServer other({});
  const Result result = RunWith(other.target(), {"ingest", manifest_});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_THAT(result.err, HasSubstr("another memory"));
  EXPECT_EQ(other.events().size(), 15);
}

TEST_F(CommandLineTest, ReportsBadLinesWithTheirNumbersAndStoresTheRest) {
  Write("stream.jsonl",
        "{\"event_id\":\"a\",\"time\":1,\"percepts\":[{\"text\":\"x\"}]}\n"
        "not json\n"
        "\n"
        "{\"event_id\":\"b\",\"time\":1,\"percepts\":[{\"file\":\"gone.png\"}]}\n"
        "{\"event_id\":\"a\",\"time\":2,\"percepts\":[{\"text\":\"y\"}]}\n"
        "{\"event_id\":\"c\",\"time\":1,\"percepts\":[{\"text\":\"z\"}]}\n");
  const Result result = Ctl({"ingest", manifest_, "--json"});
  EXPECT_EQ(result.code, kExitRejected);
  EXPECT_THAT(result.err, HasSubstr("line 2: line: no valid JSON"));
  EXPECT_THAT(result.err, HasSubstr("line 4: percepts[0].file: "));
  EXPECT_THAT(result.err, HasSubstr("line 5: event_id: stored with other content"));
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["stored"], 2);
  EXPECT_EQ(json["rejected"], 3);
  ASSERT_EQ(json["rejects"].size(), 3);
  EXPECT_EQ(json["rejects"][0]["line"], 2);
  EXPECT_EQ(json["rejects"][2]["field"], "event_id");
  EXPECT_EQ(Ctl({"ingest", manifest_, "--allow-rejects"}).code, kExitOk);
}

TEST_F(CommandLineTest, GoesOnAfterAnIngestThatBrokeOff) {
  WriteManifest(10);
  // What a killed run leaves: some acknowledged lines, the last one cut off.
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  const std::string state = manifest_ + ".mixmatch-state";
  std::filesystem::resize_file(state, std::filesystem::file_size(state) - 5);
  const Json json = Json::parse(Ctl({"ingest", manifest_, "--json"}).out);
  EXPECT_EQ(json["skipped"], 29);
  EXPECT_EQ(json["duplicate"], 1);
  EXPECT_EQ(Json::parse(Ctl({"ingest", manifest_, "--json"}).out)["skipped"], 30);
}

TEST_F(CommandLineTest, WaitsForTheLearnerWhenAsked) {
  client::MemoryServerOptions slow;
  slow.learn_events = 5;
  slow.learn_every = absl::Milliseconds(20);
  client::MemoryServer server(slow);
  WriteManifest(10);
  const Result result =
      RunWith(server.target(), {"ingest", manifest_, "--max-unlearned", "10", "--wait", "learned"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_LE(server.unlearned_max(), 10);
  const Json marks = Json::parse(RunWith(server.target(), {"watermarks", "--json"}).out);
  EXPECT_EQ(marks["watermarks"]["learned"], "30");
}

TEST_F(CommandLineTest, NeverOverwritesAFileThatIsNoState) {
  WriteManifest(1);
  const std::string precious = Write("precious.txt", "my thesis\n");
  const Result result = Ctl({"ingest", manifest_, "--state", precious});
  EXPECT_EQ(result.code, kExitUsage);
  EXPECT_THAT(result.err, HasSubstr("no state of an ingest"));
  EXPECT_EQ(std::filesystem::file_size(precious), 10);
  EXPECT_EQ(server_.events().size(), 0);
}

TEST(IngestStateTest, RemembersLinesOverRunsAndForgetsThemWhenCleared) {
  const std::string path = absl::StrCat(::testing::TempDir(), "ingest_state_test_", getpid());
  std::filesystem::remove(path);
  const uint64_t hash = HashOfLine("a line");
  EXPECT_NE(hash, HashOfLine("a lime"));
  IngestState::Open(path)->Record(hash, 7);
  EXPECT_EQ(IngestState::Open(path)->SequenceOf(hash), 7);
  EXPECT_EQ(IngestState::Open(path)->SequenceOf(hash + 1), 0);
  ASSERT_TRUE(IngestState::Open(path)->Clear().ok());
  EXPECT_EQ(IngestState::Open(path)->SequenceOf(hash), 0);
  EXPECT_FALSE(IngestState::Open("/nonexistent-folder/state").ok());
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace mixmatch::cli
