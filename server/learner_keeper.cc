// The learner's checkpoint is one value; each generation has one of its own.
#include "server/learner_keeper.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"

namespace mixmatch {
namespace {

constexpr char kLearnerWeights[] = "learner";

LearnerConfig LearnerConfigOf(const Config& config) {
  LearnerConfig learner;
  learner.block_episodes = static_cast<int>(config.learning.block_episodes);
  learner.steps_per_block = static_cast<int>(config.learning.steps_per_block);
  learner.batch_episodes = static_cast<int>(config.learning.batch_episodes);
  learner.replay = config.learning.replay;
  learner.probes_max = config.generations.probes_max;
  learner.trainer.device = config.model.device;
  learner.trainer.precision = config.learning.precision;
  learner.trainer.percepts_max = static_cast<int>(config.episodes.percepts_max);
  return learner;
}

std::string CheckpointOf(Generation generation) {
  return absl::StrCat("generation/", generation, "/learner");
}

}  // namespace

LearnerKeeper::LearnerKeeper(const Config& config, const ModelConfig& model, GenerationStore* store,
                             const TrainingSource* episodes, const Generations* generations,
                             const Clock* clock)
    : save_every_(config.learning.checkpoint_every),
      model_(model),
      config_(LearnerConfigOf(config)),
      store_(store),
      episodes_(episodes),
      generations_(generations),
      history_(store, clock) {}

absl::Status LearnerKeeper::Open(bool all_bound) {
  absl::StatusOr<std::string> checkpoint = store_->GetWeights(kLearnerWeights);
  if (absl::IsDataLoss(checkpoint.status())) {
    // The serving generation's own checkpoint is the next best; what came after is learned again.
    spdlog::error("{}; going on from the serving generation's", checkpoint.status().ToString());
    checkpoint = store_->GetWeights(CheckpointOf(generations_->serving()->number));
  }
  absl::StatusOr<std::unique_ptr<Learner>> learner = absl::NotFoundError("no checkpoint");
  if (checkpoint.ok()) {
    learner = Learner::Restore(model_, config_, episodes_, *checkpoint, all_bound);
    if (absl::IsFailedPrecondition(learner.status())) {
      spdlog::warn("{}; a new learner starts and learns what is stored by replay",
                   learner.status().ToString());
    } else {
      MM_RETURN_IF_ERROR(learner.status());
    }
  } else if (!absl::IsNotFound(checkpoint.status())) {
    return checkpoint.status();
  }
  if (!learner.ok()) learner = Learner::Create(model_, config_, episodes_);
  MM_RETURN_IF_ERROR(learner.status());
  learner_ = *std::move(learner);
  history_.Load(learner_->progress().steps_total);
  saved_ = SteadyNow();
  saved_steps_ = learner_->progress().steps_total;
  return absl::OkStatus();
}

void LearnerKeeper::Save(bool force) {
  const absl::Time now = SteadyNow();
  const uint64_t steps = learner_->progress().steps_total;
  if (!force && (now - saved_ < save_every_ || steps == saved_steps_)) return;
  const absl::Status saved = store_->PutWeights(kLearnerWeights, learner_->Checkpoint());
  if (!saved.ok()) spdlog::error("checkpoint not saved: {}", saved.ToString());
  if (saved.ok()) history_.Save();  // never ahead of the learner
  saved_ = now;
  saved_steps_ = steps;
}

absl::Status LearnerKeeper::Restart(const std::string& checkpoint) {
  auto learner = checkpoint.empty() ? Learner::Create(model_, config_, episodes_)
                                    : Learner::Restore(model_, config_, episodes_, checkpoint);
  if (absl::IsFailedPrecondition(learner.status())) {  // of another architecture
    learner = Learner::Create(model_, config_, episodes_);
  }
  MM_RETURN_IF_ERROR(learner.status());
  Take(*std::move(learner));
  return absl::OkStatus();
}

void LearnerKeeper::Take(std::unique_ptr<Learner> learner) {
  learner_ = std::move(learner);
  history_.Undo(learner_->progress().steps_total);
  Save(/*force=*/true);
}

bool LearnerKeeper::GoBack() {
  const Generation serving = generations_->serving()->number;
  const absl::StatusOr<std::string> checkpoint = store_->GetWeights(CheckpointOf(serving));
  // Generation 0 has none, and that of another architecture does not fit: to go back would be to
  // begin anew, which is no better.
  auto learner = checkpoint.ok() ? Learner::Restore(model_, config_, episodes_, *checkpoint)
                                 : absl::StatusOr<std::unique_ptr<Learner>>(checkpoint.status());
  if (!learner.ok()) {
    spdlog::warn("candidates were refused again and again; the learner goes on: {}",
                 learner.status().ToString());
    return false;
  }
  Take(*std::move(learner));
  spdlog::warn("candidates were refused again and again; the learner went back to generation {}",
               serving);
  return true;
}

}  // namespace mixmatch
