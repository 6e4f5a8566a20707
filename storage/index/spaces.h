// Embedding spaces in RocksDB: one column family per generation, and over each partition an
// index whose clusters FAISS finds.
//
// A partition is a small growing segment that is searched exactly, and sealed segments of inverted
// lists, which are merged as they grow, checksummed and loaded at start. FAISS and RocksDB stay
// inside.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "core/generations/embedding_space.h"
#include "storage/database.h"

namespace mixmatch {

struct IndexOptions {
  size_t seal_at = 16384;     // embeddings in the growing segment of a partition
  size_t lists_from = 16384;  // sealed segments of at least this size become lists
  size_t lists_probed = 40;   // of a segment, in one search: the nearest ones
  size_t merge_of = 4;        // segments of about one size that become one
  // After so long without anything new even those are merged that are not of one size.
  absl::Duration merge_idle = absl::Seconds(1);
  size_t merge_max = 1 << 22;  // embeddings in a merged segment, about
};

// Makes the spaces of a database, which must outlive them.
std::unique_ptr<EmbeddingSpaces> MakeEmbeddingSpaces(Database* database,
                                                     const IndexOptions& options);

}  // namespace mixmatch
