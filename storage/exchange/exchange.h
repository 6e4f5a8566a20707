// Everything that a memory knows, as files that any program can read, and back.
//
// An export is a folder: `events.jsonl` in the format of clients/MANIFEST.md with the log's part of
// each event under "log", `media/`, `log.jsonl` (entries that are no events), `modalities.jsonl`,
// `settings.jsonl`, `forgotten.jsonl`, `skills.jsonl`, `teachings.jsonl`, and of what was learned
// `generations.jsonl`, `graph.jsonl`, `weights.jsonl` and `weights/`. `format.json` is written when
// all of that is on the disk, and says how many lines each file has. What is derived is not in it.
// The export of an import is the same to the byte.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/check/findings.h"
#include "storage/check/salvage.h"

namespace mixmatch {

struct ExchangeOptions {
  bool weights = true;  // and generations; without them a new learner begins
};

struct ExchangeCounts {
  uint64_t entries = 0;  // of the log
  uint64_t events = 0;
  uint64_t lessons = 0;
  uint64_t weights = 0;  // files
};

// `database` as for Database::Open; a daemon may run on it: then it is as it was on the disk at one
// moment. `folder` must not hold anything; all of it is on the disk when this returns. NOT_FOUND,
// ALREADY_EXISTS, DATA_LOSS, INTERNAL.
absl::StatusOr<ExchangeCounts> Export(const std::string& database, const std::string& folder,
                                      const ExchangeOptions& options, const FsckProgress& progress);

// `database` must not be there; it is once all of it is. Every event is held against the chain.
// NOT_FOUND, ALREADY_EXISTS, INVALID_ARGUMENT (file and line), DATA_LOSS (changed since it was
// exported, or a file is gone, ends early or cannot be read).
absl::StatusOr<ExchangeCounts> Import(const std::string& folder, const std::string& database,
                                      const ExchangeOptions& options,
                                      const MakeFeatures& make_features,
                                      const FsckProgress& progress);

// What `format.json` says.
inline constexpr char kExchangeFormat[] = "mixmatch-export";
inline constexpr int kExchangeVersion = 1;

}  // namespace mixmatch
