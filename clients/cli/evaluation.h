// Asks all queries of a file and judges the answers.
//
// Takes lines of queries; gives an EvalReport. Several queries are in flight at once; bad lines are
// reported and left out. It prints no figures.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "clients/cli/eval_report.h"
#include "clients/cli/progress.h"
#include "clients/cpp/client.h"
#include "clients/manifest/line_reader.h"
#include "clients/manifest/queries.h"

namespace mixmatch::cli {

// How many percepts in the memory are relevant to a query; asks the daemon once per condition.
//
// Thread-safety: Safe for concurrent use.
class RelevantCounter {
 public:
  explicit RelevantCounter(const client::Client* client) : client_(client) {}

  // Percepts of the wanted modality in events that meet both the query's filter and its relevance.
  absl::StatusOr<uint64_t> Count(const client::EvalQuery& query);

 private:
  const client::Client* const client_;
  absl::Mutex mutex_;
  std::unordered_map<std::string, uint64_t> counts_ ABSL_GUARDED_BY(mutex_);  // by request
};

// Thread-safety: Not thread-safe: one owner thread.
class Evaluation {
 public:
  static constexpr int kInFlightMax = 8;
  static constexpr uint32_t kDefaultK = 10;

  // `k` 0: as each query says. `client` and `progress` outlive it.
  Evaluation(const client::Client* client, std::string folder, uint32_t k, Progress* progress)
      : client_(client), folder_(std::move(folder)), k_(k), progress_(progress), counter_(client) {}

  // Asks them all. Bad lines are noted and counted; an error of the daemon that is no fault of the
  // query ends it.
  absl::Status Run(const std::vector<client::Line>& lines);

  const EvalReport& report() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return report_; }
  uint64_t bad_line_count() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return bad_line_count_; }
  // Queries to which nothing relevant is stored.
  uint64_t hopeless_count() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return hopeless_count_; }
  // The k that were asked with; more than one where queries differ.
  const std::set<uint32_t>& ks() const ABSL_NO_THREAD_SAFETY_ANALYSIS { return ks_; }

 private:
  void Work(const std::vector<client::Line>& lines);
  absl::Status Ask(const client::Line& line);

  const client::Client* const client_;
  const std::string folder_;
  const uint32_t k_;
  Progress* const progress_;
  RelevantCounter counter_;

  absl::Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t done_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  EvalReport report_ ABSL_GUARDED_BY(mutex_);
  uint64_t bad_line_count_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t hopeless_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::set<uint32_t> ks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace mixmatch::cli
