// mixmatchctl as its user has it: arguments in; text, JSON and exit codes out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/clients/command_line_fixture.h"

namespace mixmatch::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

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
  EXPECT_THAT(Ctl({"recall", "--percept", R"(word={"text":"z"})", "--want", "pose", "-k", "1"}).out,
              HasSubstr("letter=z"));
  const std::string numbers = Write("numbers.txt", "1 0\n0\n");
  EXPECT_THAT(Ctl({"recall", "--vector", numbers, "--want", "word", "-k", "1"}).out,
              HasSubstr("letter=x"));
}

TEST_F(CommandLineTest, EvaluatesAFileOfQueries) {
  WriteManifest(4);
  ASSERT_EQ(Ctl({"ingest", manifest_}).code, kExitOk);
  const auto query = [](const char* percept, const char* want, const char* letter) {
    return absl::StrCat("{\"percepts\":[", percept, "],\"want\":\"", want,
                        R"(","relevant":{"metadata":{"letter":")", letter, "\"}},\"k\":2}\n");
  };
  const char* const word = R"({"modality":"word","text":"x"})";
  const char* const pose = R"({"modality":"pose","vector":[0,1,0]})";
  // The last query calls relevant what its words do not find.
  const std::string queries =
      Write("queries.jsonl",
            query(word, "pose", "x") + query(pose, "word", "y") + query(word, "pose", "z"));
  const Result result = Ctl({"eval", "--queries", queries, "--json"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_EQ(Json::parse(result.out), Json::parse(R"({"k":2,"pairs":[
              {"query":["pose"],"want":"word","count":1,
               "p_at_1":1,"p_at_k":1,"mrr":1,"recall_at_k":0.5},
              {"query":["word"],"want":"pose","count":2,
               "p_at_1":0.5,"p_at_k":0.5,"mrr":0.5,"recall_at_k":0.25}]})"));
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
  EXPECT_THAT(Ctl({"generations"}).out, HasSubstr("published: generation 1 is not worse"));
  EXPECT_THAT(Ctl({"generations"}).out, Not(HasSubstr("word -> pose, old")));
  for (const auto& command : {std::vector<std::string>{"generations", "--scores"},
                              std::vector<std::string>{"generations", "list", "--scores"}}) {
    EXPECT_THAT(
        Ctl(command).out,
        HasSubstr("word -> pose, old     0.8750   0.7500  +0.1250  0.0100  -0.0200     123\n"));
    EXPECT_THAT(Ctl(command).out, HasSubstr("word  pose    0.0625     123\n"));
  }
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

}  // namespace
}  // namespace mixmatch::cli
