// What deleted and overwritten values leave in blob files is given back to the disk.
//
// A blob file goes by itself once nothing in it is wanted any more. One with a single wanted value
// stays, until that is written anew elsewhere. RocksDB can do so in every compaction, with the
// oldest files, whatever is in them; here a family is seen to once there is enough to be had.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/status/statusor.h"
#include "storage/database.h"

namespace mixmatch {

// When a family is seen to. By default its blob files take 1.5 times what is wanted in them, or 64
// MiB more.
struct BlobGarbageLimits {
  double share = 1.0 / 3;            // of its blob files' bytes that nobody wants
  uint64_t bytes_min = 64ULL << 20;  // of them
};

// Writes the oldest quarter of the blob files of each family that is above the limits anew. On the
// calling thread, a quarter at a time so that others have their turn: to be called now and then.
// Returns how many families it saw to. `*stop` ends it soon. RESOURCE_EXHAUSTED (the disk is full),
// DATA_LOSS names a damaged file. Thread-safe.
absl::StatusOr<size_t> CollectBlobGarbage(Database& database, std::atomic<bool>& stop,
                                          const BlobGarbageLimits& limits = {});

}  // namespace mixmatch
