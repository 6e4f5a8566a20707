// One manifest on its way into a daemon: lines are read, sent, and each is accounted for.
//
// Takes a manifest's path, the state of earlier runs and an Ingester's outcomes; gives the account
// that the ingest command prints. It knows no options and no tables.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "clients/cli/ingest_state.h"
#include "clients/cli/progress.h"
#include "clients/cpp/ingester.h"

namespace mixmatch::cli {

// A line that did not become an event of the memory.
struct RejectedLine {
  uint64_t line = 0;
  int code = 0;       // google.rpc.Code
  std::string field;  // as the daemon names it; empty when the line itself is bad
  std::string reason;
};

struct IngestAccount {
  uint64_t line_count = 0;
  uint64_t skipped_count = 0;  // acknowledged in an earlier run
  uint64_t sent_count = 0;
  uint64_t stored_count = 0;
  uint64_t duplicate_count = 0;
  uint64_t rejected_count = 0;  // bad lines included
  uint64_t last_sequence = 0;   // highest of all acknowledged, earlier runs included
  absl::Duration elapsed;
  // The first `kRejectsKept`, by line.
  std::vector<RejectedLine> rejects;
};

// Thread-safety: Not thread-safe: one owner thread.
class ManifestIngest {
 public:
  static constexpr size_t kRejectsKept = 10'000;

  // `state` and `progress` outlive it.
  ManifestIngest(std::string path, IngestState* state, Progress* progress)
      : path_(std::move(path)), state_(state), progress_(progress) {}

  // Counts the lines. Then, when the state knows some of them, asks the daemon whether it is the
  // memory that acknowledged them; if not, says so and forgets the state. Errors: of the file, or
  // of the daemon.
  absl::Status Prepare(const client::Client& client);

  // Sends what is not acknowledged yet and waits for the results. Call once, after Prepare. On an
  // error the account holds what was done up to it.
  absl::Status Run(const client::Client& client, const client::IngestOptions& options);

  IngestAccount account() const;

 private:
  struct SentLine {
    uint64_t number = 0;
    uint64_t hash = 0;
  };

  absl::Status SendLines(client::Ingester* ingester);
  void TakeOutcome(const client::EventOutcome& outcome);
  void Reject(RejectedLine line);
  // Shows how far it is.
  void Show(const client::IngestProgress& at);

  const std::string path_;
  IngestState* const state_ ABSL_PT_GUARDED_BY(mutex_);
  Progress* const progress_;

  mutable absl::Mutex mutex_;
  IngestAccount account_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<uint64_t, SentLine> on_way_ ABSL_GUARDED_BY(mutex_);  // by event index
};

}  // namespace mixmatch::cli
