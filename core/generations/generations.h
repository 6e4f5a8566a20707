// Generations: which encoder serves, its space, and how the next one goes live.
//
// Takes candidates from the learner and verdicts from the gate; keeps spaces up to date; gives the
// serving encoder and space to recall. Knows no network, no RocksDB: everything through interfaces.
//
// Invariants:
//   1. Exactly one generation serves, from the first call on; it is swapped atomically.
//   2. Numbers rise and are never reused.
//   3. A publish survives a crash: its record (kEmbedding), weights and space's cursor are stored,
//   and
//      Open goes on with it.
//   4. The serving generation and at most one kept generation follow the log.
//   5. No space has taken in more episodes than have closed: Open makes such a one anew, and the
//   count only rises afterwards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/encoder/encoder.h"
#include "core/generations/embedding_space.h"
#include "core/generations/gate.h"
#include "core/generations/generation_store.h"
#include "core/generations/percept_source.h"
#include "core/generations/space_filler.h"
#include "core/learning/training_source.h"

namespace mixmatch {

// One consistent space: an encoder and the embeddings that it made. Immutable but for the space's
// growth; whoever holds it may finish with it after it stopped serving.
struct Space {
  Generation number = 0;
  std::shared_ptr<const Encoder> encoder;
  std::shared_ptr<EmbeddingSpace> embeddings;
  Seq learned = 0;  // learned watermark of its weights
  uint64_t taken = 0;
  // Of its encoder, by (from, to); empty where none was measured.
  std::vector<PartnerDistance> partner_distances;
  absl::Status dropped;  // why what was stored of it was dropped when it was opened; OK: it was not
};

// What the learner offers for publishing.
struct Candidate {
  std::shared_ptr<const Encoder> encoder;
  std::string learner_checkpoint;  // to restart from after a roll-back
  uint64_t steps = 0;
  uint64_t taken = 0;
  Seq learned = 0;
  std::string trigger;  // "command", "growth"
};

struct PublishProgress {
  enum class Phase { kEmbedding, kSwapping };
  Phase phase = Phase::kEmbedding;
  uint64_t done = 0;   // embeddings made
  uint64_t total = 0;  // embeddings that the serving space holds
  absl::Time start;
  GenerationRecord record;
};

// Thread-safety: Safe for concurrent use, with these owners: one thread calls Follow; one thread
// calls Refuse, Begin, Advance and Rollback. Lock order: fill_mu_ before mu_.
class Generations {
 public:
  // Opens what is stored, or makes generation 0 from `model`. Spaces that are missing or damaged,
  // or hold more episodes than have closed, are made anew and filled by Follow. Borrows everything,
  // which must outlive it.
  static absl::StatusOr<std::unique_ptr<Generations>> Open(
      const ModelConfig& model, GenerationStore* store, EmbeddingSpaces* spaces,
      const PerceptSource* percepts, const TrainingSource* episodes, const Clock* clock);

  // What answers recall now. Never null.
  std::shared_ptr<const Space> serving() const;
  // The serving generation or the kept one, by its number; null for any other.
  std::shared_ptr<const Space> Find(Generation number) const;

  // Embeds the next chunk of what is stored into the serving space and the kept one. Returns
  // whether anything was left to do.
  absl::StatusOr<bool> Follow();

  // Embeds episodes again in every space that had taken them in, from which they were removed.
  // Before anything follows or publishes.
  absl::Status EmbedAgain(std::span<const EpisodeId> episodes);

  // Records a refused candidate.
  absl::StatusOr<GenerationRecord> Refuse(const Candidate& candidate, const Verdict& verdict);

  // Starts publishing a candidate that passed. FAILED_PRECONDITION while a publish is under way.
  absl::Status Begin(const Candidate& candidate, const Verdict& verdict);

  // Does one chunk of the publish under way, and the swap when nothing is left. Returns the record
  // of the generation that serves now once it is swapped, nullopt before.
  absl::StatusOr<std::optional<GenerationRecord>> Advance();

  // Called by Advance with a space that is complete and about to serve, before it does; may be
  // called again for the same one when events came in between. Set before the first Advance.
  void SetBeforeSwap(std::function<void(const std::shared_ptr<const Space>&)> before_swap) {
    before_swap_ = std::move(before_swap);
  }

  // The publish under way; nullopt when there is none.
  std::optional<PublishProgress> progress() const;

  // Makes the kept generation serve and keeps the one that served. Returns the learner's checkpoint
  // to restart from; empty for generation 0. FAILED_PRECONDITION when none is kept or a publish is
  // under way.
  absl::StatusOr<std::string> Rollback();

  // Every record, newest first.
  std::vector<GenerationRecord> records() const;
  // Embeddings in a generation's space; 0 when it has none.
  uint64_t embedding_count(Generation number) const;

 private:
  Generations(GenerationStore* store, EmbeddingSpaces* spaces, const PerceptSource* percepts,
              const TrainingSource* episodes, const Clock* clock)
      : store_(store), spaces_(spaces), filler_(percepts, episodes), clock_(clock) {}

  absl::Status Load(const ModelConfig& model);
  absl::Status MakeFirst(const ModelConfig& model);
  absl::StatusOr<std::shared_ptr<Space>> OpenSpace(const GenerationRecord& record);
  absl::StatusOr<std::optional<GenerationRecord>> Swap(std::shared_ptr<Space> next);
  Generation NextNumber() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  GenerationStore* const store_;
  EmbeddingSpaces* const spaces_;
  const SpaceFiller filler_;
  const Clock* const clock_;
  std::function<void(const std::shared_ptr<const Space>&)> before_swap_;

  // Held while a chunk is embedded into a space that follows the log, and across a swap.
  absl::Mutex fill_mu_;
  mutable absl::Mutex mu_;
  std::shared_ptr<Space> serving_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Space> kept_ ABSL_GUARDED_BY(mu_);
  std::shared_ptr<Space> next_ ABSL_GUARDED_BY(mu_);  // of the publish under way
  std::optional<PublishProgress> progress_ ABSL_GUARDED_BY(mu_);
  std::map<Generation, GenerationRecord> records_ ABSL_GUARDED_BY(mu_);
};

}  // namespace mixmatch
