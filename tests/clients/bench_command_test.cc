// mixmatchctl bench against the small memory: what it sends, counts and says.
#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "clients/cli/bench_data.h"
#include "clients/cpp/load.h"
#include "tests/clients/command_line_fixture.h"

namespace mixmatch::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class BenchCommandTest : public CommandLineTest {
 protected:
  Json Loads(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"--json", "bench"});
    const Result result = Ctl(arguments);
    EXPECT_EQ(result.code, kExitOk) << result.err;
    return Json::parse(result.out)["loads"];
  }
};

TEST_F(BenchCommandTest, StoresEveryEventOnceByStreams) {
  const Json load = Loads({"ingest", "--count", "90", "--connections", "3", "--wait"})[0];
  EXPECT_EQ(load["kind"], "ingest, streams");
  EXPECT_EQ(load["answered"], 90);
  EXPECT_EQ(load["failed"], 0);
  EXPECT_GT(load["recallable_per_s"], 0);
  EXPECT_LE(load["p50_ms"], load["p99_ms"]);
  EXPECT_LE(load["p99_ms"], load["max_ms"]);
  std::set<std::string> ids;
  for (const v1::StoredEvent& stored : server_.events()) {
    EXPECT_THAT(stored.event().source(), StartsWith("bench-"));
    ids.insert(stored.event().event_id());
  }
  EXPECT_EQ(ids.size(), 90U);
  EXPECT_LE(server_.stream_count(), 3U);  // one that finds nothing left to send is not opened
}

TEST_F(BenchCommandTest, KeepsToItsRateWhateverTheAnswers) {
  const Json loads = Loads({"mixed", "--ingest-rate", "50", "--batch", "2", "--recall-rate", "100",
                            "--seconds", "1", "--payload", "text"});
  EXPECT_EQ(loads[0]["kind"], "ingest, calls");
  EXPECT_EQ(loads[0]["answered"], 50);
  EXPECT_EQ(server_.events().size(), 100U);
  EXPECT_EQ(loads[1]["kind"], "recall");
  EXPECT_EQ(loads[1]["answered"], 100);
  EXPECT_NEAR(loads[1]["per_s"], 100, 40);
}

TEST_F(BenchCommandTest, WritesEachCall) {
  const std::string path = testing::TempDir() + "/calls.csv";
  const double begun = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch());
  const Json loads = Loads({"mixed", "--ingest-rate", "50", "--recall-rate", "100", "--seconds",
                            "0.4", "--calls", path});
  std::ifstream file(path);
  std::string line;
  ASSERT_TRUE(std::getline(file, line));
  EXPECT_EQ(line, "load,due,ms,outcome");
  std::map<std::string, int> calls;
  while (std::getline(file, line)) {
    const std::vector<std::string> fields = absl::StrSplit(line, ',');
    ASSERT_EQ(fields.size(), 4U) << line;
    ++calls[fields[0]];
    EXPECT_NEAR(std::stod(fields[1]), begun, 60) << line;
    EXPECT_GE(std::stod(fields[2]), 0) << line;
    EXPECT_EQ(fields[3], "answered") << line;
  }
  EXPECT_GT(calls["recall"], 0);
  EXPECT_EQ(calls["ingest"], loads[0]["answered"]);
  EXPECT_EQ(calls["recall"], loads[1]["answered"]);
  EXPECT_EQ(calls.size(), 2U);
  EXPECT_EQ(Ctl({"bench", "ingest", "--calls", path}).code, kExitUsage) << "streams";
  EXPECT_EQ(Ctl({"bench", "recall", "--calls", path + "/no"}).code, kExitUsage);
}

TEST_F(BenchCommandTest, AsksTheNextQuestionWhenOneIsAnswered) {
  const Json load = Loads({"recall", "--count", "40", "--connections", "4"})[0];
  EXPECT_EQ(load["answered"], 40);
  EXPECT_THAT(Ctl({"bench", "recall", "--count", "5"}).out, HasSubstr("p99 ms"));
  EXPECT_EQ(Ctl({"bench", "ingest", "--rate", "5", "--wait"}).code, kExitUsage);
}

// A call of one event.
v1::IngestBatchRequest TextBatch(uint64_t number) {
  v1::IngestBatchRequest request;
  v1::Event& event = *request.add_events();
  event.set_event_id(std::to_string(number + 1));
  event.add_percepts()->mutable_text()->set_text("x");
  return request;
}

TEST(LoadTest, CountsRefusalsWithAndWithoutATime) {
  client::MemoryServer server({.exhausted_every = 2});
  const auto load = client::LoadIngest(server.target(), {}, {.concurrency = 1, .count_max = 10},
                                       TextBatch, [](uint64_t) {});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_EQ(load->answered, 5U);
  EXPECT_EQ(load->refused, 5U);
  EXPECT_EQ(load->refused_plainly, 0U);
  EXPECT_EQ(load->refused_ms.size(), 5U);
}

TEST(LoadTest, EndsWithItsTimeWhereMoreIsDueThanItCanSend) {
  client::MemoryServer server({});
  const auto load = client::LoadIngest(
      server.target(), {}, {.rate = 1000, .duration = absl::Milliseconds(200)},
      [](uint64_t number) {
        absl::SleepFor(absl::Milliseconds(20));
        return TextBatch(number);
      },
      [](uint64_t) {});
  ASSERT_TRUE(load.ok()) << load.status();
  EXPECT_GT(load->answered, 0U);
  EXPECT_EQ(load->sent + load->unsent, 200U);
  EXPECT_GE(load->unsent, 189U);  // at most 11 of 20 ms begin within the time
}

TEST(LoadTest, APercentileIsTheNearestRank) {
  std::vector<float> values = {5, 1, 4, 2, 3};
  EXPECT_EQ(client::Percentile(values, 0.5), 3);
  EXPECT_EQ(client::Percentile(values, 0.99), 5);
  EXPECT_EQ(client::Percentile(values, 0.01), 1);
  std::vector<float> none;
  EXPECT_EQ(client::Percentile(none, 0.5), 0);
}

TEST(BenchDataTest, IsTheSameForOneSeedAndOfUnitLength) {
  const BenchData data("vector", 16, 7, "run");
  const v1::Event event = data.EventOf(3);
  EXPECT_EQ(event.SerializeAsString(),
            BenchData("vector", 16, 7, "run").EventOf(3).SerializeAsString());
  float squares = 0;
  for (const float value : event.percepts(0).vector().values()) squares += value * value;
  EXPECT_NEAR(squares, 1, 1e-5);
  EXPECT_NE(event.percepts(0).SerializeAsString(), data.EventOf(4).percepts(0).SerializeAsString());
  EXPECT_EQ(data.QueryOf(1).percepts().percepts(0).vector().values_size(), 16);
}

TEST(BenchDataTest, HasAnotherVectorForEveryEventAndAsManyClustersAsItSays) {
  const BenchData data("vector", 64, 7, "run");
  constexpr int kEvents = 2000;
  std::set<std::string> different;
  std::vector<std::vector<float>> vectors;
  for (int number = 0; number < kEvents; ++number) {
    const v1::Event event = data.EventOf(number);
    const auto& values = event.percepts(0).vector().values();
    vectors.emplace_back(values.begin(), values.end());
    different.insert(event.percepts(0).SerializeAsString());
  }
  EXPECT_EQ(different.size(), kEvents);
  // Of one cluster: half of what two vectors are is the same. Of two clusters: nothing.
  int near = 0;
  for (int i = 1; i < kEvents; ++i) {
    float product = 0;
    for (size_t d = 0; d < 64; ++d) product += vectors[0][d] * vectors[i][d];
    EXPECT_LT(product, 0.9F);
    near += product > 0.3F ? 1 : 0;
  }
  EXPECT_GT(near, 0);
  EXPECT_LT(near, kEvents / 32);
}

}  // namespace
}  // namespace mixmatch::cli
