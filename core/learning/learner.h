// The learner: what each optimiser step is made of. New episodes are taken in blocks, oldest first,
// each block for a fixed number of steps, with uniform replay over everything taken before beside
// them; consolidation is replay alone. A block is a small part of a batch, so that even a stream in
// which one thing comes after the other is learned from a mixture of everything.
//
// Takes closed episodes from a TrainingSource; drives a Trainer; gives its progress to whoever
// publishes watermarks. The order of steps depends on the order of closing alone, never on the
// clock.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/learning/held_out.h"
#include "core/learning/replay.h"
#include "core/learning/trainer.h"
#include "core/learning/training_source.h"

namespace mixmatch {

struct LearnerConfig {
  int block_episodes = 8;      // new episodes taken at once
  int steps_per_block = 1;     // optimiser steps on each block
  int batch_episodes = 64;     // of one step: the block, and replay for the rest
  bool replay = true;          // false: new episodes alone, which forgets; to measure that
  uint64_t probes_max = 4096;  // held out; the surplus is released to training
  TrainerConfig trainer;
};

struct LearnerProgress {
  uint64_t steps_total = 0;          // steps in which there was something to learn
  uint64_t steps_stream = 0;         // steps with new episodes in them
  uint64_t steps_consolidation = 0;  // steps of replay alone
  // Closed episodes with ordinals below this were in a step, or are probes.
  uint64_t taken = 0;
  uint64_t trainable = 0;   // of these, not held out: what replay draws from
  uint64_t unreadable = 0;  // times that an episode was left out of a step since it is damaged
};

// Thread-safety: Not thread-safe: one owner thread. Borrows the source, which must outlive it.
class Learner {
 public:
  // A learner that starts from the seeded encoder.
  static absl::StatusOr<std::unique_ptr<Learner>> Create(const ModelConfig& model,
                                                         const LearnerConfig& config,
                                                         const TrainingSource* source);
  // A learner that goes on where Checkpoint() was called. Where fewer episodes are closed than it
  // has taken, since they are bound anew: OUT_OF_RANGE, to be tried again when more are bound; with
  // `all_bound`, when no more will be, it has taken those that there are. Other errors as
  // Trainer::Restore.
  static absl::StatusOr<std::unique_ptr<Learner>> Restore(const ModelConfig& model,
                                                          const LearnerConfig& config,
                                                          const TrainingSource* source,
                                                          std::string_view checkpoint,
                                                          bool all_bound = true);
  // Everything that Restore needs; checksummed.
  std::string Checkpoint() const;

  // True when a stream step can be made: a block is under way, or a full block of new episodes
  // waits; with `flush`, also when fewer wait.
  bool HasNew(bool flush) const;
  // Makes one step with new episodes. Where a batch has nothing to tell apart (a stream that begins
  // with one thing alone) the step is owed: it is made up for by a second one with a later block.
  // FAILED_PRECONDITION without HasNew(flush).
  absl::StatusOr<StepResult> StepNew(bool flush);

  // Makes one step of replay alone. FAILED_PRECONDITION when fewer than two episodes can be
  // trained.
  absl::StatusOr<StepResult> StepReplay();

  // The probes among the episodes taken, in the order of closing.
  std::span<const Probe> probes() const { return held_out_.probes(); }

  // Closed episodes not yet in any step.
  uint64_t waiting() const;
  LearnerProgress progress() const;
  const Trainer& trainer() const { return *trainer_; }

 private:
  Learner(const LearnerConfig& config, const TrainingSource* source,
          std::unique_ptr<Trainer> trainer);

  // Where the next block ends. What blocks that were taken short (a flush) lack is added to it, so
  // that flushes on the way add no steps; one at the very end may.
  uint64_t BlockEnd() const;
  // Takes the next block of closed episodes: probes are passed over, the others become the block.
  absl::Status TakeBlock();
  // Takes up what a checkpoint has taken, from the source: closed episodes below next_ordinal_.
  absl::Status TakeAgain(bool all_bound);
  // Hands one closed episode to probes or replay; true when it is to be trained as new.
  bool Take(uint64_t ordinal, const ClosedEpisode& episode);
  void Draw(uint64_t count, std::vector<EpisodeId>& ids) const;
  absl::StatusOr<StepResult> Train(const std::vector<EpisodeId>& ids);

  const LearnerConfig config_;
  const TrainingSource* const source_;
  std::unique_ptr<Trainer> trainer_;
  LearnerProgress progress_;
  HeldOut held_out_;
  Replay replay_;  // every trainable episode taken before the block under way
  std::vector<ClosedEpisode> block_;
  uint64_t block_ordinal_ = 0;  // where the block begins
  uint64_t next_ordinal_ = 0;   // the first closed episode that no block has taken
  int block_steps_left_ = 0;
  uint64_t ahead_ = 0;    // episodes that short blocks lacked, to be in the next ones more
  uint64_t settled_ = 0;  // steps in a row that saw nothing new
  uint64_t owed_ = 0;     // steps in which there was nothing to tell apart, to be made up for
};

}  // namespace mixmatch
