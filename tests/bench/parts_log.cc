// Synced appends and reads of vector events, beside the same bytes under one key in RocksDB alone.
//
// What the log adds to a bare write: the event's identity and the test for one sent again, header,
// payload and features apart, the chained hash, and the secondary keys.
#include <benchmark/benchmark.h>
#include <rocksdb/db.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "storage/database.h"
#include "storage/event_log.h"
#include "tests/bench/parts.h"

namespace mixmatch {
namespace {

constexpr size_t kDimension = 128;
constexpr size_t kStored = 20'000;  // what reads find

[[noreturn]] void Fail(const std::string& what) {
  std::fprintf(stderr, "mixmatch_bench_parts: %s\n", what.c_str());
  std::exit(1);
}

std::vector<float> VectorOf(size_t number) {
  std::vector<float> values(kDimension);
  for (size_t i = 0; i < kDimension; ++i) {
    values[i] = static_cast<float>((number * 31 + i * 17) % 1000) / 1000;
  }
  return values;
}

PendingEvent EventOf(size_t number) {
  PendingEvent pending;
  pending.event.source = "sensor-" + std::to_string(number % 16);
  pending.event.event_id = std::to_string(number);
  pending.event.scene = "table";
  pending.event.time = absl::UnixEpoch() + absl::Milliseconds(number);
  pending.event.metadata["number"] = std::to_string(number % 1000);
  pending.event.percepts.push_back(
      {.modality = "vector", .payload = VectorPayload{.values = VectorOf(number)}});
  Features features;
  features.kind = PayloadKind::kVector;
  features.content = HashPercept(pending.event.percepts.front());
  features.shape = {kDimension};
  features.SetValues<float>(std::get<VectorPayload>(pending.event.percepts.front().payload).values);
  pending.features.push_back(std::move(features));
  return pending;
}

class Ours {
 public:
  explicit Ours(const std::string& dir) {
    auto database = Database::Open(dir + "/ours", {});
    if (!database.ok()) Fail(database.status().ToString());
    database_ = *std::move(database);
    auto log = EventLog::Open(database_.get());
    if (!log.ok()) Fail(log.status().ToString());
    log_ = *std::move(log);
  }
  void Append(size_t first, size_t count) {
    std::vector<PendingEvent> events;
    for (size_t i = 0; i < count; ++i) events.push_back(EventOf(first + i));
    const auto results = log_->Append(std::move(events), absl::Now());
    if (!results.ok()) Fail(results.status().ToString());
  }
  void Read(size_t number) {
    auto event = log_->Get(number + 1, Detail::kFull);
    if (!event.ok()) Fail(event.status().ToString());
    benchmark::DoNotOptimize(event);
  }

 private:
  std::unique_ptr<Database> database_;
  std::unique_ptr<EventLog> log_;
};

class Alone {
 public:
  explicit Alone(const std::string& dir) {
    std::filesystem::create_directories(dir);
    rocksdb::Options options;
    options.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    Check(rocksdb::DB::Open(options, dir + "/rocksdb", &db));
    db_.reset(db);
  }
  void Append(size_t first, size_t count) {
    rocksdb::WriteBatch batch;
    for (size_t i = 0; i < count; ++i) {
      const std::vector<float> values = VectorOf(first + i);
      Check(batch.Put(std::to_string(first + i),
                      rocksdb::Slice(reinterpret_cast<const char*>(values.data()),
                                     values.size() * sizeof(float))));
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    Check(db_->Write(options, &batch));
  }
  void Read(size_t number) {
    std::string value;
    Check(db_->Get({}, std::to_string(number), &value));
    benchmark::DoNotOptimize(value);
  }

 private:
  static void Check(const rocksdb::Status& status) {
    if (!status.ok()) Fail(status.ToString());
  }
  std::unique_ptr<rocksdb::DB> db_;
};

template <typename Store>
void Appends(benchmark::State& state, const std::string& dir, size_t batch) {
  Store store(dir + "/append-" + std::to_string(batch));
  static size_t next = 0;  // goes on where Google Benchmark calls again with more turns
  for (auto _ : state) {
    store.Append(next, batch);
    next += batch;
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(batch));
}

template <typename Store>
void Reads(benchmark::State& state, const std::string& dir) {
  Store store(dir + "/read");
  for (size_t first = 0; first < kStored; first += 1000) store.Append(first, 1000);
  size_t asked = 0;
  for (auto _ : state) store.Read(asked++ * 7919 % kStored);
}

}  // namespace

void RegisterLog(const std::string& dir) {
  for (const size_t batch : {1, 16, 256}) {
    const std::string name = "synced_append/" + std::to_string(batch);
    const auto add = [&](const char* variant, auto run) {
      benchmark::RegisterBenchmark((name + variant).c_str(), run)->UseRealTime();
    };
    add("/ours", [=](benchmark::State& state) { Appends<Ours>(state, dir, batch); });
    add("/rocksdb", [=](benchmark::State& state) { Appends<Alone>(state, dir, batch); });
  }
  benchmark::RegisterBenchmark("read/ours",
                               [=](benchmark::State& state) { Reads<Ours>(state, dir); });
  benchmark::RegisterBenchmark("read/rocksdb",
                               [=](benchmark::State& state) { Reads<Alone>(state, dir); });
}

}  // namespace mixmatch
