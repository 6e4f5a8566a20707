// Keeps the learner over restarts, roll-backs and refusals: restores it, checkpoints it, replaces
// it.
//
// Takes checkpoints from storage and from generations; gives the learner to the learning loop,
// whose thread owns it. Makes no steps.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/generations/generations.h"
#include "core/learning/learner.h"
#include "server/config.h"
#include "server/history_keeper.h"

namespace mixmatch {

// Thread-safety: Not thread-safe but for history(): one owner thread. Borrows everything, which
// must outlive it.
class LearnerKeeper {
 public:
  LearnerKeeper(const Config& config, const ModelConfig& model, GenerationStore* store,
                const TrainingSource* episodes, const Generations* generations, const Clock* clock);

  // Restores the learner and its history from the last checkpoint; where that is damaged, from the
  // serving generation's; where there is none or it is of another architecture, makes a new one,
  // which learns everything stored. OUT_OF_RANGE, and nothing changed, where it took episodes that
  // are not bound again yet; with `all_bound`, when no more will be, it goes on with what is there.
  absl::Status Open(bool all_bound);
  bool opened() const { return learner_ != nullptr; }
  // Valid once it is opened.
  Learner& learner() { return *learner_; }
  const Learner& learner() const { return *learner_; }

  // Writes a checkpoint when one is due, or `force`. A failure is logged and tried again later.
  void Save(bool force);
  // Goes on from another checkpoint; empty: from the seeded encoder.
  absl::Status Restart(const std::string& checkpoint);
  // After refusals in a row: goes on from the checkpoint of what serves. False, and nothing
  // changed, where that has none (generation 0) or it is of another architecture.
  bool GoBack();

  HistoryKeeper& history() { return history_; }
  const HistoryKeeper& history() const { return history_; }

 private:
  // Goes on with this learner, and stores it.
  void Take(std::unique_ptr<Learner> learner);

  const absl::Duration save_every_;
  const ModelConfig model_;
  const LearnerConfig config_;
  GenerationStore* const store_;
  const TrainingSource* const episodes_;
  const Generations* const generations_;
  std::unique_ptr<Learner> learner_;
  HistoryKeeper history_;
  absl::Time saved_;  // by SteadyNow()
  uint64_t saved_steps_ = 0;
};

}  // namespace mixmatch
