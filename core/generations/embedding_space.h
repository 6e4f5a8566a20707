// What generations need of storage: the embeddings of one generation with the index over them, and
// where spaces come from. Similarities exist inside one space alone.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/ids.h"

namespace mixmatch {

// How far a space has taken in what is stored. Written together with the embeddings, so that a
// restart goes on exactly where the last write ended.
struct SpaceCursor {
  Seq next_seq = 1;          // percepts of events below this are embedded
  uint64_t next_closed = 0;  // closed episodes with ordinals below this are embedded

  friend bool operator==(const SpaceCursor&, const SpaceCursor&) = default;
};

struct EmbeddedItem {
  ItemId item;
  ModalityId partition = kEpisodePartition;  // the percept's modality, or kEpisodePartition
};

struct Neighbour {
  ItemId item;
  ModalityId partition = kEpisodePartition;
  float similarity = 0;  // inner product of unit vectors, -1 to 1
  uint64_t row = 0;      // where the space that found it has it
};

struct SearchResult {
  std::vector<Neighbour> neighbours;  // nearest first; ties by item
  std::string plan;                   // "exact", "lists"; "-filtered" behind it under a filter
  uint64_t candidate_count = 0;       // embeddings that were compared
};

// One generation's embeddings and index.
// Thread-safety: Safe for concurrent use; one thread at a time appends.
class EmbeddingSpace {
 public:
  virtual ~EmbeddingSpace() = default;

  virtual Generation generation() const = 0;
  virtual int dimension() const = 0;  // E
  virtual uint64_t count() const = 0;
  virtual SpaceCursor cursor() const = 0;

  // Appends `vectors` [items.size(), E], unit and finite, and moves the cursor, in one atomic
  // write; searchable when it returns. Not synced: derived state, re-made after a crash from the
  // cursor on. `background` gives way: it waits, for a while, where compaction or the building of
  // lists is behind, and what is appended so may go with the process, as if it had never been,
  // until Flush() or something is appended otherwise. INVALID_ARGUMENT for a number that is not
  // finite.
  virtual absl::Status Append(std::span<const EmbeddedItem> items, std::span<const float> vectors,
                              SpaceCursor next, bool background) = 0;

  // From now on what was appended outlives the process.
  virtual absl::Status Flush() = 0;

  // Copies the embedding of one percept to `out` [E], to some 1e-5. NOT_FOUND while it is not
  // there. Requires that percepts were appended in the order of their items, as the log has them.
  virtual absl::Status Read(ModalityId partition, ItemId item, std::span<float> out) const = 0;

  // Copies the embedding of what a search of this space found to `out` [E], to some 1e-5.
  virtual absl::Status ReadFound(const Neighbour& found, std::span<float> out) const = 0;

  // The k items of `partitions` nearest to `query` [E]. Returns k whenever k exist. With `allowed`
  // (sorted sequence numbers or episode ids: values of ItemId::seq()), only those count. Of items
  // with the same embedding it may leave out all but the `equal_max` smallest, where the index
  // keeps them as one; where fewer than k are found, nothing else was left out.
  virtual absl::StatusOr<SearchResult> Search(std::span<const ModalityId> partitions,
                                              std::span<const float> query, size_t k,
                                              const std::vector<Seq>* allowed,
                                              size_t equal_max) const = 0;
  absl::StatusOr<SearchResult> Search(std::span<const ModalityId> partitions,
                                      std::span<const float> query, size_t k,
                                      const std::vector<Seq>* allowed) const {
    return Search(partitions, query, k, allowed, std::numeric_limits<size_t>::max());
  }
};

// Thread-safety: Safe for concurrent use.
class EmbeddingSpaces {
 public:
  virtual ~EmbeddingSpaces() = default;

  // Makes an empty space. ALREADY_EXISTS.
  virtual absl::StatusOr<std::shared_ptr<EmbeddingSpace>> Create(Generation generation,
                                                                 int dimension) = 0;
  // Opens a stored space and loads its index. NOT_FOUND. Damaged segments are rebuilt from the
  // embeddings; damaged embeddings are DATA_LOSS (derived: the caller drops and re-embeds).
  virtual absl::StatusOr<std::shared_ptr<EmbeddingSpace>> Open(Generation generation) = 0;
  // Drops a space whole; readers that hold it may finish. OK when there is none.
  virtual absl::Status Drop(Generation generation) = 0;
};

}  // namespace mixmatch
