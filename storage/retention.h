// Retention: payloads that are older than their owner wants them kept are dropped; what was made of
// them stays, and becomes ground state.
//
// Goes along the log, oldest first, and remembers how far each rule got. Of a percept whose payload
// goes, the features, the secondary keys and the embeddings stay, and so does the event's hash, by
// which a repetition is known and the chain goes on. Afterwards the files that held the payloads
// are written anew.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/database.h"

namespace mixmatch {

struct RetentionRule {
  std::string modality;  // empty: any
  std::string source;    // empty: any
  absl::Duration age;    // since it was stored, above 0

  friend bool operator==(const RetentionRule&, const RetentionRule&) = default;
};

// Rules in one line, with commas between them: "image=720h, audio@kitchen=168h, *@door=24h" stands
// for MODALITY[@SOURCE]=AGE. Empty: none. INVALID_ARGUMENT says which rule cannot be read.
absl::StatusOr<std::vector<RetentionRule>> ParseRetention(std::string_view text);

struct RetentionCounts {
  uint64_t events = 0;
  uint64_t percepts = 0;
  uint64_t bytes = 0;  // of payloads
};

// Drops what the rules want dropped at `now`, in synced batches; may be cut off by `stop` or a
// crash, and goes on with the next call. What is damaged is passed over. UNAVAILABLE where the disk
// gives errors: the next call looks at the same entries again. Beside a log that is open: only
// entries that its mark has passed are touched. Blocks; safe to call on any one thread.
absl::StatusOr<RetentionCounts> DropPayloads(Database* database,
                                             std::span<const RetentionRule> rules, absl::Time now,
                                             std::atomic<bool>& stop);

}  // namespace mixmatch
