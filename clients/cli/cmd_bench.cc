// mixmatchctl bench: load on a daemon, and what it makes of it.
#include <algorithm>
#include <fstream>
#include <functional>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "clients/cli/bench_data.h"
#include "clients/cli/bench_streams.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/table.h"
#include "clients/cli/waiting.h"
#include "clients/cpp/load.h"

namespace mixmatch::cli {
namespace {

using client::LoadReport;
using Json = nlohmann::ordered_json;

struct BenchOptions {
  std::string payload = "vector";
  int dimension = 128;
  uint64_t seed = 1;
  double seconds = 10;
  uint64_t count = 1000000;
  int connections = 8;
  // Ingest.
  double ingest_rate = 0;  // calls; 0: streams
  int batch = 1;
  int window = 512;
  bool wait = false;
  // Recall.
  double recall_rate = 0;  // 0: closed loop
  std::string query = "percept";
  std::string want;
  uint32_t k = 10;
  std::string calls;  // the file that gets each call
};

// Each call of the loads, as lines of CSV. Thread-safe.
class CallsFile {
 public:
  explicit CallsFile(const std::string& path) {
    if (path.empty()) return;
    file_.open(path);
    file_ << "load,due,ms,outcome\n" << std::fixed;
  }
  bool is_open() const { return file_.is_open(); }
  // Whether all was written, once no load runs any more.
  bool Close() {
    const absl::MutexLock lock(&mu_);
    file_.close();
    return file_.good();
  }

  // What a load of that name calls for each call; empty where there is no file.
  std::function<void(const client::EndedCall&)> Of(const std::string& load) {
    if (!is_open()) return {};
    return [this, load](const client::EndedCall& call) {
      static constexpr const char* kOutcomes[] = {"answered", "refused", "failed"};
      const absl::MutexLock lock(&mu_);
      file_ << load << ',' << std::setprecision(6)
            << absl::ToDoubleSeconds(call.due - absl::UnixEpoch()) << ',' << std::setprecision(3)
            << call.ms << ',' << kOutcomes[static_cast<size_t>(call.outcome)] << '\n';
    };
  }

 private:
  absl::Mutex mu_;
  std::ofstream file_;
};

client::LoadOptions LoadOptionsOf(const BenchOptions& options, double rate,
                                  std::function<void(const client::EndedCall&)> ended) {
  return {.rate = rate,
          .concurrency = options.connections,
          .count_max = options.count,
          .duration = absl::Seconds(options.seconds),
          .ended = std::move(ended)};
}

// One kind of load, as it came out.
struct Outcome {
  std::string kind;
  LoadReport load;
  double units_per_call = 1;  // events
  std::optional<double> recallable_per_s;
};

double PerSecond(const Outcome& outcome) {
  const double seconds = absl::ToDoubleSeconds(outcome.load.elapsed);
  return seconds > 0 ? static_cast<double>(outcome.load.answered) * outcome.units_per_call / seconds
                     : 0;
}

Json JsonOf(Outcome& outcome) {
  LoadReport& load = outcome.load;
  Json json = {{"kind", outcome.kind},
               {"seconds", absl::ToDoubleSeconds(load.elapsed)},
               {"sent", load.sent},
               {"answered", load.answered},
               {"refused", load.refused},
               {"refused_plainly", load.refused_plainly},
               {"failed", load.failed},
               {"unsent", load.unsent},
               {"per_s", PerSecond(outcome)},
               {"p50_ms", client::Percentile(load.answered_ms, 0.5)},
               {"p90_ms", client::Percentile(load.answered_ms, 0.9)},
               {"p99_ms", client::Percentile(load.answered_ms, 0.99)},
               {"p999_ms", client::Percentile(load.answered_ms, 0.999)},
               {"max_ms", client::Percentile(load.answered_ms, 1)},
               {"refused_p99_ms", client::Percentile(load.refused_ms, 0.99)},
               {"first_error", load.first_error}};
  if (outcome.recallable_per_s) json["recallable_per_s"] = *outcome.recallable_per_s;
  return json;
}

void Print(const Session& session, std::vector<Outcome>& outcomes) {
  if (session.json) {
    Json all = Json::array();
    for (Outcome& outcome : outcomes) all.push_back(JsonOf(outcome));
    session.out() << Json{{"loads", all}}.dump(2) << '\n';
    return;
  }
  Table table({{"load"},
               {"a second", Table::Align::kRight},
               {"recallable a second", Table::Align::kRight},
               {"answered", Table::Align::kRight},
               {"refused", Table::Align::kRight},
               {"failed", Table::Align::kRight},
               {"not sent", Table::Align::kRight},
               {"p50 ms", Table::Align::kRight},
               {"p90 ms", Table::Align::kRight},
               {"p99 ms", Table::Align::kRight},
               {"p99.9 ms", Table::Align::kRight}});
  for (Outcome& o : outcomes) {
    std::vector<float>& ms = o.load.answered_ms;
    table.AddRow({o.kind, NumberText(PerSecond(o), 0),
                  o.recallable_per_s ? NumberText(*o.recallable_per_s, 0) : "",
                  CountText(o.load.answered), CountText(o.load.refused), CountText(o.load.failed),
                  CountText(o.load.unsent), NumberText(client::Percentile(ms, 0.5), 2),
                  NumberText(client::Percentile(ms, 0.9), 2),
                  NumberText(client::Percentile(ms, 0.99), 2),
                  NumberText(client::Percentile(ms, 0.999), 2)});
  }
  table.Print(session.out());
  for (const Outcome& outcome : outcomes) {
    if (!outcome.load.first_error.empty()) {
      session.err() << outcome.kind << ": " << Printable(outcome.load.first_error, 300) << '\n';
    }
  }
}

absl::StatusOr<Outcome> Ingest(const Session& session, const BenchOptions& options,
                               const BenchData& data, CallsFile& calls,
                               const client::LoadProgress& progress) {
  const absl::StatusOr<client::ClientOptions> own = session.Options();
  if (!own.ok()) return own.status();
  if (options.ingest_rate > 0) {
    auto load = client::LoadIngest(
        session.server, *own, LoadOptionsOf(options, options.ingest_rate, calls.Of("ingest")),
        [&data, &options](uint64_t number) {
          v1::IngestBatchRequest request;
          for (int i = 0; i < options.batch; ++i) {
            *request.add_events() = data.EventOf(number * static_cast<uint64_t>(options.batch) +
                                                 static_cast<uint64_t>(i));
          }
          return request;
        },
        progress);
    if (!load.ok()) return load.status();
    return Outcome{.kind = "ingest, calls",
                   .load = *std::move(load),
                   .units_per_call = static_cast<double>(options.batch)};
  }
  const absl::Time begun = absl::Now();
  auto streams = LoadStreams(session.server, *own, LoadOptionsOf(options, 0, {}),
                             static_cast<size_t>(options.window), data, progress);
  if (!streams.ok()) return streams.status();
  Outcome outcome{.kind = "ingest, streams", .load = std::move(streams->load)};
  if (options.wait) {
    const absl::StatusOr<client::Client> client = session.Connect();
    if (!client.ok()) return client.status();
    const absl::Status waited =
        WaitForWatermark(session, *client, "recallable", streams->last_sequence);
    if (!waited.ok()) return waited;
    outcome.recallable_per_s =
        static_cast<double>(outcome.load.answered) / absl::ToDoubleSeconds(absl::Now() - begun);
  }
  return outcome;
}

// Points of the serving generation's space, as a client has them who embedded what it asks for.
absl::StatusOr<std::vector<v1::Query>> Points(const Session& session, const BenchOptions& options,
                                              const BenchData& data) {
  constexpr uint64_t kPoints = 1024;  // asked one after the other, again and again
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return client.status();
  std::vector<v1::Query> points(std::min(kPoints, options.count));
  for (size_t i = 0; i < points.size(); ++i) {
    v1::EmbedRequest request;
    *request.mutable_percepts() = data.QueryOf(i).percepts();
    const absl::StatusOr<v1::EmbedResponse> response = client->Embed(request);
    if (!response.ok()) return response.status();
    *points[i].mutable_embedding() = response->embedding();
    points[i].mutable_embedding()->set_generation(0);  // goes on when another begins to serve
  }
  return points;
}

absl::StatusOr<Outcome> Recall(const Session& session, const BenchOptions& options,
                               const BenchData& data, CallsFile& calls,
                               const client::LoadProgress& progress) {
  const absl::StatusOr<client::ClientOptions> own = session.Options();
  if (!own.ok()) return own.status();
  absl::StatusOr<std::vector<v1::Query>> points = std::vector<v1::Query>();
  if (options.query == "embedding") points = Points(session, options, data);
  if (!points.ok()) return points.status();
  auto load = client::LoadRecall(
      session.server, *own, LoadOptionsOf(options, options.recall_rate, calls.Of("recall")),
      [&data, &options, &points](uint64_t number) {
        v1::RecallRequest request;
        *request.mutable_query() =
            points->empty() ? data.QueryOf(number) : (*points)[number % points->size()];
        request.add_modalities(options.want.empty() ? data.modality() : options.want);
        request.set_k(options.k);
        return request;
      },
      progress);
  if (!load.ok()) return load.status();
  return Outcome{.kind = "recall", .load = *std::move(load)};
}

// Runs the loads at the same time, and says how they came out.
int RunBench(const Session& session, const BenchOptions& options, bool ingest, bool recall) {
  if (options.wait && options.ingest_rate > 0) {
    return session.Misused(absl::InvalidArgumentError(
        "--wait: it is for streams; leave the rate of ingest out, or --wait"));
  }
  if (!options.calls.empty() && ingest && options.ingest_rate <= 0) {
    return session.Misused(absl::InvalidArgumentError(
        "--calls: streams make no calls; give a rate of ingest, or leave --calls out"));
  }
  CallsFile calls(options.calls);
  if (!options.calls.empty() && !calls.is_open()) {
    return session.Misused(absl::InvalidArgumentError(
        absl::StrCat("--calls: ", options.calls, " cannot be written; give another file")));
  }
  const BenchData data(options.payload, options.dimension, options.seed,
                       absl::StrCat("bench-", absl::ToUnixNanos(absl::Now())));
  Progress bar(session.err(), session.progress_style(), "bench", "calls");
  const auto progress = [&bar](uint64_t ended) { bar.Update(ended, 0, ""); };
  absl::StatusOr<Outcome> other = absl::NotFoundError("none");
  std::thread beside;
  if (ingest && recall) {
    beside = std::thread([&] { other = Recall(session, options, data, calls, [](uint64_t) {}); });
  }
  const absl::StatusOr<Outcome> first = ingest ? Ingest(session, options, data, calls, progress)
                                               : Recall(session, options, data, calls, progress);
  if (beside.joinable()) beside.join();
  bar.Finish();
  if (!first.ok()) return session.Fail("bench", first.status());
  std::vector<Outcome> outcomes = {*first};
  if (ingest && recall) {
    if (!other.ok()) return session.Fail("bench", other.status());
    outcomes.push_back(*std::move(other));
  }
  Print(session, outcomes);
  if (!options.calls.empty() && !calls.Close()) {
    return session.Fail("bench", absl::UnavailableError(absl::StrCat(
                                     options.calls, " is not whole; is the disk full?")));
  }
  return kExitOk;
}

int RunIngest(const Session& session, const BenchOptions& options) {
  return RunBench(session, options, true, false);
}
int RunRecall(const Session& session, const BenchOptions& options) {
  return RunBench(session, options, false, true);
}
int RunMixed(const Session& session, const BenchOptions& options) {
  return RunBench(session, options, true, true);
}

void AddCommon(CLI::App* command, BenchOptions* options) {
  command->add_option("--payload", options->payload, "What events and queries hold")
      ->check(CLI::IsMember({"vector", "text"}))
      ->capture_default_str();
  command->add_option("--dimension", options->dimension, "Numbers of a vector")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--seconds", options->seconds, "For so long")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command->add_option("--count", options->count, "Calls, or events of streams, at most")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  command
      ->add_option("--connections", options->connections,
                   "Streams; calls at a time without a rate; connections of calls with one")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  command->add_option("--seed", options->seed)->capture_default_str();
  command->add_option("--calls", options->calls,
                      "Write each call there, as CSV: its load, when it was due (Unix time), the "
                      "milliseconds that it took, how it ended");
}

void AddIngestOptions(CLI::App* command, BenchOptions* options, const std::string& rate) {
  command
      ->add_option(rate, options->ingest_rate,
                   "Calls a second, whatever the answers; 0: by streams, as fast as they are taken")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "Events of a call")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--window", options->window, "Events of a stream without an answer")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  command->add_flag("--wait", options->wait,
                    "Wait until all that streams stored is recallable, and say its rate");
}

void AddRecallOptions(CLI::App* command, BenchOptions* options, const std::string& rate) {
  command
      ->add_option(rate, options->recall_rate,
                   "Calls a second, whatever the answers; 0: the next when one is answered")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  command->add_option("--query", options->query, "A percept, or a point of the space")
      ->check(CLI::IsMember({"percept", "embedding"}))
      ->capture_default_str();
  command->add_option("--want", options->want, "Wanted modality; default that of the payload");
  command->add_option("-k", options->k)->check(CLI::Range(1, 1000))->capture_default_str();
}

}  // namespace

void AddBench(CLI::App* app, Session* session) {
  CLI::App* const bench = app->add_subcommand("bench", "Put load on a daemon and measure it");
  bench->require_subcommand(1);
  auto options = std::make_shared<BenchOptions>();
  CLI::App* const ingest = bench->add_subcommand("ingest", "Store made-up events");
  CLI::App* const recall = bench->add_subcommand("recall", "Ask made-up questions");
  CLI::App* const mixed = bench->add_subcommand("mixed", "Both at once");
  for (CLI::App* const command : {ingest, recall, mixed}) AddCommon(command, options.get());
  AddIngestOptions(ingest, options.get(), "--rate");
  AddRecallOptions(recall, options.get(), "--rate");
  AddIngestOptions(mixed, options.get(), "--ingest-rate");
  AddRecallOptions(mixed, options.get(), "--recall-rate");
  RunBy(ingest, session, options, RunIngest);
  RunBy(recall, session, options, RunRecall);
  RunBy(mixed, session, options, RunMixed);
}

}  // namespace mixmatch::cli
