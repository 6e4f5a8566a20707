// mixmatchctl as its user has it: arguments in; text, JSON and exit codes out; a real server
// behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "clients/cli/app.h"
#include "clients/cli/ingest_state.h"
#include "tests/clients/memory_server.h"

namespace mixmatch::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

struct Result {
  int code = 0;
  std::string out;
  std::string err;
};

Result RunWith(const std::string& server, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"mixmatchctl", "--server", server});
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  Result result;
  result.code = RunCommandLine(static_cast<int>(argv.size()), argv.data(), {out, err, false});
  result.out = out.str();
  result.err = err.str();
  return result;
}

class CommandLineTest : public ::testing::Test {
 protected:
  CommandLineTest()
      : folder_(absl::StrCat(::testing::TempDir(), "command_line_test_", getpid())),
        manifest_(folder_ + "/stream.jsonl"),
        server_({}) {
    std::filesystem::create_directories(folder_);
  }
  ~CommandLineTest() override { std::filesystem::remove_all(folder_); }

  Result Ctl(std::vector<std::string> arguments) const {
    return RunWith(server_.target(), std::move(arguments));
  }
  std::string Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
    return folder_ + "/" + name;
  }
  // Events x0, y0, z0, x1, … each with a word and, on the axis of its letter, a vector.
  void WriteManifest(int per_letter) const {
    std::string text;
    for (int i = 0; i < per_letter; ++i) {
      for (int axis = 0; axis < 3; ++axis) {
        const char letter = static_cast<char>('x' + axis);
        absl::StrAppend(&text, R"({"event_id":")", std::string(1, letter), i, R"(","time":)", i + 1,
                        R"(,"source":"s","percepts":[{"modality":"word","text":")",
                        std::string(1, letter), R"("},{"modality":"pose","vector":[)",
                        axis == 0 ? 1 : 0, ",", axis == 1 ? 1 : 0, ",", axis == 2 ? 1 : 0,
                        R"(]}],"metadata":{"letter":")", std::string(1, letter), "\"}}\n");
      }
    }
    Write("stream.jsonl", text);
  }

  const std::string folder_;
  const std::string manifest_;
  client::MemoryServer server_;
};

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

TEST_F(CommandLineTest, RecallsByTextVectorAndEvent) {
  WriteManifest(3);
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  const Result table = Ctl({"recall", "--text", "y", "--want", "pose", "-k", "3"});
  EXPECT_EQ(table.code, kExitOk) << table.err;
  EXPECT_THAT(table.out, HasSubstr("s/y0"));
  EXPECT_THAT(table.out, Not(HasSubstr("s/x0")));
  const Json json = Json::parse(
      Ctl({"recall", "--vector", "pose=-0.0,0.1,2", "--want", "word", "-k", "1", "--json"}).out);
  EXPECT_EQ(json["experiences"][0]["event"]["event"]["metadata"]["letter"], "z");
  EXPECT_EQ(json["experiences"][0]["percept_index"], 0);
  EXPECT_THAT(Ctl({"recall", "--event", "s/x1", "--want", "word", "-k", "1"}).out,
              HasSubstr("\"x\""));
  EXPECT_THAT(
      Ctl({"recall", "--text", "x", "--want", "word", "-k", "1", "--filter", "letter=y"}).out,
      HasSubstr("letter=y"));
  const std::string percept = Write("percept.json", R"({"vector":[0,1,0]})");
  EXPECT_THAT(Ctl({"recall", "--percept", "pose=" + percept, "--want", "word", "-k", "1"}).out,
              HasSubstr("letter=y"));
  const std::string numbers = Write("numbers.txt", "1 0\n0\n");
  EXPECT_THAT(Ctl({"recall", "--vector", numbers, "--want", "word", "-k", "1"}).out,
              HasSubstr("letter=x"));
}

TEST_F(CommandLineTest, EvaluatesAFileOfQueries) {
  WriteManifest(4);
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  // The last query calls relevant what its words do not find.
  const std::string queries = Write(
      "queries.jsonl",
      R"({"percepts":[{"modality":"word","text":"x"}],"want":"pose","relevant":{"metadata":{"letter":"x"}},"k":2})"
      "\n"
      R"({"percepts":[{"modality":"pose","vector":[0,1,0]}],"want":"word","relevant":{"metadata":{"letter":"y"}},"k":2})"
      "\n"
      R"({"percepts":[{"modality":"word","text":"x"}],"want":"pose","relevant":{"metadata":{"letter":"z"}},"k":2})"
      "\n");
  const Result result = Ctl({"eval", "--queries", queries, "--json"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_EQ(Json::parse(result.out), Json::parse(R"({"k":2,"pairs":[
              {"query":["pose"],"want":"word","count":1,"p_at_1":1,"p_at_k":1,"mrr":1,"recall_at_k":0.5},
              {"query":["word"],"want":"pose","count":2,"p_at_1":0.5,"p_at_k":0.5,"mrr":0.5,"recall_at_k":0.25}]})"));
  const Json wide = Json::parse(Ctl({"eval", "--queries", queries, "-k", "8", "--json"}).out);
  EXPECT_EQ(wide["k"], 8);
  EXPECT_EQ(wide["pairs"][0]["p_at_k"], 0.5);
  EXPECT_EQ(wide["pairs"][0]["recall_at_k"], 1.0);
  EXPECT_THAT(Ctl({"eval", queries}).out, HasSubstr("recall@2"));
}

TEST_F(CommandLineTest, SaysWhichQueriesAreBadAndJudgesTheOthers) {
  WriteManifest(1);
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  const std::string good =
      R"({"percepts":[{"text":"x"}],"want":"pose","relevant":{"metadata":{"letter":"x"}}})";
  const Result result =
      Ctl({"eval", "--json", Write("queries.jsonl", "{\"want\":\"pose\"}\n" + good + "\n")});
  EXPECT_EQ(result.code, kExitRejected);
  EXPECT_THAT(result.err, HasSubstr("line 1: relevant.metadata"));
  EXPECT_EQ(Json::parse(result.out)["pairs"][0]["count"], 1);
  std::string other = good;
  other.insert(other.size() - 1, ",\"k\":3");
  const Result mixed = Ctl({"eval", Write("mixed.jsonl", good + "\n" + other + "\n")});
  EXPECT_EQ(mixed.code, kExitUsage);
  EXPECT_THAT(mixed.err, HasSubstr("different k (3 and 10)"));
}

TEST_F(CommandLineTest, ListsAndGetsEvents) {
  WriteManifest(4);
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  const Json page = Json::parse(Ctl({"events", "list", "--limit", "5", "--json"}).out);
  EXPECT_EQ(page["events"].size(), 5);
  EXPECT_EQ(page["next_page_token"], "5");
  EXPECT_EQ(
      Json::parse(Ctl({"events", "list", "--page-token", "5", "--json"}).out)["events"].size(), 7);
  EXPECT_EQ(
      Json::parse(Ctl({"events", "list", "--filter", "letter=x", "--filter", "letter=y", "--json"})
                      .out)["events"]
          .size(),
      8);
  EXPECT_THAT(Ctl({"events", "get", "s/y2"}).out, HasSubstr("letter=y"));
  EXPECT_THAT(Ctl({"events", "get", "--sequence", "1"}).out, HasSubstr("s/x0"));
  EXPECT_THAT(Ctl({"episode", "get", "2"}).out, HasSubstr("s/y0"));
  const Result gone = Ctl({"events", "get", "s/nobody"});
  EXPECT_EQ(gone.code, kExitServer);
  EXPECT_EQ(gone.err, "mixmatchctl: events get: NOT_FOUND: event: it is not stored\n");
}

TEST_F(CommandLineTest, SteersTheLearnerAndTheGenerations) {
  EXPECT_EQ(Ctl({"learning", "pause"}).code, kExitOk);
  EXPECT_TRUE(server_.paused());
  EXPECT_THAT(Ctl({"consolidate", "--steps", "3"}).err, HasSubstr("FAILED_PRECONDITION"));
  EXPECT_EQ(Ctl({"learning", "resume", "--json"}).out, "{\"learning\": \"resumed\"}\n");
  const Json done = Json::parse(Ctl({"consolidate", "--steps", "3", "--json"}).out);
  EXPECT_EQ(done["steps_done"], "3");
  EXPECT_EQ(done["done"], true);
  EXPECT_THAT(Ctl({"generations", "publish"}).out, HasSubstr("generation 1 is published"));
  EXPECT_THAT(Ctl({"generations"}).out, HasSubstr("serving"));
  EXPECT_EQ(Json::parse(Ctl({"generations", "list", "--json"}).out)["generations"].size(), 2);
  EXPECT_THAT(Ctl({"generations", "rollback"}).out, HasSubstr("generation 0 serves"));
}

TEST_F(CommandLineTest, ShowsStatusAndEmbeddings) {
  EXPECT_THAT(Ctl({"status"}).out, HasSubstr("mixmatchd"));
  const Json status = Json::parse(Ctl({"--json", "status"}).out);
  EXPECT_EQ(status["version"], "0.1.0");
  EXPECT_EQ(status["learning"]["steps_stream"], "0");
  EXPECT_THAT(Ctl({"embed", "--text", "xyy"}).out, HasSubstr("3 numbers: 1.0000 2.0000 0.0000"));
}

TEST_F(CommandLineTest, WaitsForAWatermarkUntilItsTimeIsOver) {
  WriteManifest(1);
  EXPECT_EQ(Ctl({"ingest", manifest_, "--wait", "recallable"}).code, kExitOk);
  EXPECT_EQ(Ctl({"watermarks", "--wait", "learned", "--up-to", "all"}).code, kExitOk);
  const Result late =
      Ctl({"watermarks", "--wait", "learned", "--up-to", "100", "--timeout", "0.3"});
  EXPECT_EQ(late.code, kExitServer);
  EXPECT_THAT(late.err, HasSubstr("DEADLINE_EXCEEDED: waiting for 'learned': it is at 3 of 100"));
}

TEST_F(CommandLineTest, TellsUsageErrorsFromTheDaemons) {
  EXPECT_EQ(Ctl({}).code, kExitUsage);
  EXPECT_EQ(Ctl({"dance"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"recall"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"recall", "--text", "a", "-k", "0"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"recall", "--text", "a", "--filter", "nothing"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"recall", "--text", "a", "--after", "noon"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"recall", "--image", folder_ + "/gone.png"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"recall", "--vector", "1,two"}).code, kExitUsage);
  EXPECT_EQ(Ctl({"ingest", folder_ + "/gone.jsonl"}).code, kExitUsage);
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/gone.jsonl.mixmatch-state"));
  EXPECT_EQ(Ctl({"--version"}).code, kExitOk);
  EXPECT_THAT(Ctl({"--version"}).out, HasSubstr("mixmatchctl "));
  const Result nobody = RunWith("127.0.0.1:1", {"status", "--timeout", "1"});
  EXPECT_EQ(nobody.code, kExitServer);
  EXPECT_THAT(nobody.err, HasSubstr("is mixmatchd running at 127.0.0.1:1?"));
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
