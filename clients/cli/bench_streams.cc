// A thread for each stream.
#include "clients/cli/bench_streams.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <unordered_map>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "clients/cpp/ingester.h"

namespace mixmatch::cli {
namespace {

using Steady = std::chrono::steady_clock;

// What all streams of one run share.
struct Shared {
  absl::Mutex mu;
  StreamsReport report ABSL_GUARDED_BY(mu);
  absl::Status status ABSL_GUARDED_BY(mu);
  std::atomic<uint64_t> next = 0;
  std::atomic<uint64_t> ended = 0;
};

// Sends until the time is over or the numbers are.
absl::Status RunStream(const client::Client& client, const client::LoadOptions& options,
                       size_t window, const BenchData& data, Steady::time_point until,
                       Shared* shared) {
  absl::Mutex mu;
  std::unordered_map<uint64_t, Steady::time_point> sent;  // by index: those without a result
  uint64_t index = 0;
  client::Ingester ingester(
      client, {.window_events = window}, [&](const client::EventOutcome& outcome) {
        Steady::time_point since;
        {
          const absl::MutexLock lock(&mu);
          since = sent.extract(outcome.index).mapped();
        }
        const float ms = std::chrono::duration<float, std::milli>(Steady::now() - since).count();
        ++shared->ended;
        const absl::MutexLock lock(&shared->mu);
        client::LoadReport& load = shared->report.load;
        if (outcome.outcome == v1::IngestResult::REJECTED) {
          ++load.failed;
          if (load.first_error.empty()) load.first_error = outcome.error.message();
          return;
        }
        ++load.answered;
        load.answered_ms.push_back(ms);
        shared->report.last_sequence = std::max(shared->report.last_sequence, outcome.sequence);
      });
  while (Steady::now() < until) {
    const uint64_t number = shared->next++;
    if (number >= options.count_max) break;
    v1::Event event = data.EventOf(number);
    {
      const absl::MutexLock lock(&mu);
      sent[index++] = Steady::now();
    }
    const absl::Status status = ingester.Send(std::move(event));
    if (!status.ok()) return status;
    const absl::MutexLock lock(&shared->mu);
    ++shared->report.load.sent;
  }
  return ingester.Finish();
}

}  // namespace

absl::StatusOr<StreamsReport> LoadStreams(const std::string& target,
                                          const client::ClientOptions& client,
                                          const client::LoadOptions& options, size_t window,
                                          const BenchData& data,
                                          const client::LoadProgress& progress) {
  client::ClientOptions own = client;
  own.own_connection = true;
  std::vector<client::Client> clients;
  for (int i = 0; i < options.concurrency; ++i) {
    absl::StatusOr<client::Client> one = client::Client::Connect(target, own);
    if (!one.ok()) return one.status();
    clients.push_back(*std::move(one));
  }
  Shared shared;
  const Steady::time_point begun = Steady::now();
  const Steady::time_point until = begun + absl::ToChronoNanoseconds(options.duration);
  std::atomic<int> running = options.concurrency;
  std::vector<std::thread> threads;
  for (const client::Client& one : clients) {
    threads.emplace_back([&] {
      const absl::Status status = RunStream(one, options, window, data, until, &shared);
      if (!status.ok()) {
        const absl::MutexLock lock(&shared.mu);
        shared.status.Update(status);
      }
      --running;
    });
  }
  while (running > 0) {
    absl::SleepFor(absl::Milliseconds(20));
    progress(shared.ended);
  }
  for (std::thread& thread : threads) thread.join();
  const absl::MutexLock lock(&shared.mu);
  if (!shared.status.ok()) return shared.status;
  shared.report.load.elapsed = absl::FromChrono(Steady::now() - begun);
  return std::move(shared.report);
}

}  // namespace mixmatch::cli
