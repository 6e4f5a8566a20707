// Merges small tables that compaction leaves alone.
//
// Most families are written to in the order of their keys. Each table of theirs lies behind the
// ones before, so that compaction moves it down as it is: a small one stays small, and takes an
// open file for as long as there is one. Of many in a row this makes one.
#pragma once

#include <atomic>
#include <cstddef>

#include "absl/status/statusor.h"
#include "storage/database.h"

namespace mixmatch {

// Merges, in every family, runs of small tables that lie next to each other on one level: at least
// four of less than 1 MiB, then of 8, then of 32, at most 16 and some 64 MiB at once; what is
// merged three times is small no more. A family in which compaction has work is left to it. On the
// calling thread. Returns how many tables there are less. `*stop` ends it after the merge that is
// under way. RESOURCE_EXHAUSTED (the disk is full), DATA_LOSS names a damaged table: those that
// were merged before are. Thread-safe.
absl::StatusOr<size_t> MergeSmallTables(Database& database, const std::atomic<bool>& stop);

}  // namespace mixmatch
