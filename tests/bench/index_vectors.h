// Vectors for the index's benchmark: made up, from a file, or out of a memory.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace mixmatch {

// Unit vectors [n, d] in clusters of sizes that fall with their rank, each with a spread of its own
// in a few directions and a little in all.
std::vector<float> Clustered(size_t n, size_t d, size_t clusters);

// The f32 rows of a file [n, d]; none where it cannot be read.
std::vector<float> RowsOf(const std::string& path, size_t d);

// The embeddings [n, d] of a data directory's newest generation, percepts and episodes, in an order
// that is always the same; `d` becomes their dimension.
absl::StatusOr<std::vector<float>> EmbeddingsOf(const std::string& memory, size_t& d);

}  // namespace mixmatch
