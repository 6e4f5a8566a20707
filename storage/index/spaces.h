// Embedding spaces in RocksDB: one column family per generation, a FAISS index over each partition.
//
// A partition is a small growing segment that is searched exactly, and sealed segments (exact or a
// graph, by size) that are serialised, checksummed and loaded at start. FAISS and RocksDB stay
// inside.
#pragma once

#include <memory>

#include "core/generations/embedding_space.h"
#include "storage/database.h"

namespace mixmatch {

struct IndexOptions {
  size_t seal_at = 16384;     // embeddings in the growing segment of a partition
  size_t graph_from = 16384;  // sealed segments of at least this size are graphs
  int graph_neighbours = 32;  // HNSW M
  int graph_ef_construction = 80;
  int graph_ef_search = 128;
};

// Makes the spaces of a database, which must outlive them.
std::unique_ptr<EmbeddingSpaces> MakeEmbeddingSpaces(Database* database,
                                                     const IndexOptions& options);

}  // namespace mixmatch
