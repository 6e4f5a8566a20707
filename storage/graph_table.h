// Concepts of generations, in RocksDB: derived, but for their numbers.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/ids.h"
#include "core/graph/concepts.h"
#include "storage/database.h"

namespace mixmatch {

// The concepts found in one generation's space.
struct StoredConcepts {
  ConceptSet set;
  uint64_t found_among = 0;  // closed episodes
};

// Thread-safety: Safe for concurrent use.
class GraphTable {
 public:
  // Borrows the database, which must outlive it.
  explicit GraphTable(Database* database) : database_(database) {}

  // Stores a generation's concepts, synced, and deletes those of generations before `keep_from`.
  absl::Status Put(Generation generation, const StoredConcepts& concepts, Generation keep_from);
  // NOT_FOUND, DATA_LOSS.
  absl::StatusOr<StoredConcepts> Get(Generation generation) const;
  // Of the newest generation that has any. NOT_FOUND, DATA_LOSS.
  absl::StatusOr<StoredConcepts> Latest() const;

 private:
  Database* const database_;
};

}  // namespace mixmatch
