// What generations need of storage: their records, and named weights. Ground state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/ids.h"

namespace mixmatch {

// Values are part of the disk format: never renumber.
enum class GenerationState : uint8_t {
  kServing = 1,
  kKept = 2,       // for a roll-back; new events are embedded in it too
  kRetired = 3,    // only the record is left
  kRefused = 4,    // judged and not published
  kEmbedding = 5,  // passed the gate; re-embedding is under way
};

struct GateScore {
  std::string measure;  // "mean over pairs", or a cell: "audio -> image, old"
  double candidate = 0;
  double serving = 0;
  uint64_t probe_count = 0;
  double standard_error = 0;  // of the paired difference
  double tolerance = 0;       // the candidate may be lower by this
};

// How the candidate did on one period of the stream.
struct PeriodScore {
  // The period: closed episodes with ordinals [first, last). Its length is 64 times a power of two
  // and doubles as the stream grows, so that a later record's periods are unions of an earlier's.
  uint64_t first_ordinal = 0;
  uint64_t last_ordinal = 0;
  // Mean normalised rank of the true partner over the period's probes: 1 when it is always the
  // nearest, 0.5 by chance.
  double score = 0;
  uint64_t probe_count = 0;
};

// How far percepts of one modality lie from their partners of another, on probes.
struct PartnerDistance {
  std::string from;
  std::string to;
  double mean = 0;  // of 1 - cosine, over the probes
  uint64_t probe_count = 0;

  friend bool operator==(const PartnerDistance&, const PartnerDistance&) = default;
};

struct GenerationRecord {
  Generation number = 0;
  GenerationState state = GenerationState::kServing;
  absl::Time create_time;
  std::string trigger;  // "start", "command", "growth", "gain", "age"
  std::string reason;
  uint64_t steps = 0;  // optimiser steps behind the weights
  uint64_t taken = 0;  // closed episodes (ordinals) behind the weights
  Seq learned = 0;     // learned watermark of the weights
  std::vector<GateScore> scores;
  absl::Duration publish_time;
  uint64_t embedded = 0;             // embeddings that its publish made: what it cost
  uint64_t weights_hash = 0;         // of the encoder as serialised
  std::vector<PeriodScore> periods;  // oldest first; empty where none was judged
  // Of its encoder; by (from, to). Empty for generation 0 and for a refused one.
  std::vector<PartnerDistance> partner_distances;
};

// Thread-safety: Safe for concurrent use.
class GenerationStore {
 public:
  virtual ~GenerationStore() = default;

  // Every record, by number.
  virtual absl::StatusOr<std::vector<GenerationRecord>> ListRecords() const = 0;
  // Writes records in one synced atomic write: either all of them change, or none.
  virtual absl::Status PutRecords(std::span<const GenerationRecord> records) = 0;

  // Weights by name, checksummed; synced. NOT_FOUND, DATA_LOSS.
  virtual absl::Status PutWeights(std::string_view name, std::string_view bytes) = 0;
  virtual absl::StatusOr<std::string> GetWeights(std::string_view name) const = 0;
  virtual absl::Status DeleteWeights(std::string_view name) = 0;
};

}  // namespace mixmatch
