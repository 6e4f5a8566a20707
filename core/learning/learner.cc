// The schedule of steps. Every random choice is a function of the seed and the number of the step.
#include "core/learning/learner.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/encoder/weights_file.h"
#include "core/learning/random.h"

namespace mixmatch {
namespace {

constexpr uint64_t kReplaySeed = 0x7265706c6179;  // apart from the trainer's choices

}  // namespace

Learner::Learner(const LearnerConfig& config, const TrainingSource* source,
                 std::unique_ptr<Trainer> trainer)
    : config_(config), source_(source), trainer_(std::move(trainer)) {}

absl::StatusOr<std::unique_ptr<Learner>> Learner::Create(const ModelConfig& model,
                                                         const LearnerConfig& config,
                                                         const TrainingSource* source) {
  if (config.block_episodes < 1 || config.steps_per_block < 1 ||
      config.batch_episodes < config.block_episodes) {
    return absl::InvalidArgumentError(
        absl::StrCat("learner: blocks of ", config.block_episodes, " episodes, ",
                     config.steps_per_block, " steps each, batches of ", config.batch_episodes,
                     "; all must be at least 1 and a batch must hold a block"));
  }
  MM_ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer, Trainer::Create(model, config.trainer));
  return std::unique_ptr<Learner>(new Learner(config, source, std::move(trainer)));
}

absl::StatusOr<std::unique_ptr<Learner>> Learner::Restore(const ModelConfig& model,
                                                          const LearnerConfig& config,
                                                          const TrainingSource* source,
                                                          std::string_view checkpoint) {
  MM_ASSIGN_OR_RETURN(const WeightsFile file, ReadWeights(checkpoint));
  const auto state = file.facts.find("trainer");
  if (state == file.facts.end()) {
    return absl::DataLossError("learner checkpoint: it holds no trainer; take an older one");
  }
  MM_ASSIGN_OR_RETURN(std::unique_ptr<Trainer> trainer,
                      Trainer::Restore(model, config.trainer, state->second));
  std::unique_ptr<Learner> learner(new Learner(config, source, std::move(trainer)));
  LearnerProgress& progress = learner->progress_;
  MM_ASSIGN_OR_RETURN(progress.steps_total, file.Number("steps_total"));
  MM_ASSIGN_OR_RETURN(progress.steps_stream, file.Number("steps_stream"));
  MM_ASSIGN_OR_RETURN(progress.steps_consolidation, file.Number("steps_consolidation"));
  MM_ASSIGN_OR_RETURN(progress.taken, file.Number("taken"));
  MM_ASSIGN_OR_RETURN(progress.trainable, file.Number("trainable"));
  MM_ASSIGN_OR_RETURN(learner->block_begin_, file.Number("block_begin"));
  MM_ASSIGN_OR_RETURN(const uint64_t left, file.Number("block_steps_left"));
  learner->block_steps_left_ = static_cast<int>(left);

  std::vector<ClosedEpisode> closed;
  MM_RETURN_IF_ERROR(source->ListClosed(0, progress.taken, closed));
  for (const ClosedEpisode& episode : closed) {
    if (!episode.probe) learner->replay_.push_back(episode.id);
  }
  if (closed.size() != progress.taken || learner->replay_.size() != progress.trainable ||
      learner->block_begin_ > progress.trainable) {
    return absl::DataLossError(
        absl::StrCat("learner checkpoint: it took ", progress.taken, " episodes, ",
                     progress.trainable, " of them to train on, where ", closed.size(), " and ",
                     learner->replay_.size(), " are stored; take an older checkpoint"));
  }
  return learner;
}

std::string Learner::Checkpoint() const {
  WeightsFile file;
  file.facts["trainer"] = trainer_->Checkpoint();
  file.SetNumber("steps_total", progress_.steps_total);
  file.SetNumber("steps_stream", progress_.steps_stream);
  file.SetNumber("steps_consolidation", progress_.steps_consolidation);
  file.SetNumber("taken", progress_.taken);
  file.SetNumber("trainable", progress_.trainable);
  file.SetNumber("block_begin", block_begin_);
  file.SetNumber("block_steps_left", static_cast<uint64_t>(block_steps_left_));
  return WriteWeights(file);
}

uint64_t Learner::waiting() const {
  const uint64_t closed = source_->closed_count();
  return closed > progress_.taken ? closed - progress_.taken : 0;
}

LearnerProgress Learner::progress() const { return progress_; }

bool Learner::HasNew(bool flush) const {
  const uint64_t enough = flush ? 1 : static_cast<uint64_t>(config_.block_episodes);
  return block_steps_left_ > 0 || waiting() >= enough;
}

absl::Status Learner::TakeBlock() {
  std::vector<ClosedEpisode> closed;
  MM_RETURN_IF_ERROR(
      source_->ListClosed(progress_.taken, static_cast<uint64_t>(config_.block_episodes), closed));
  block_begin_ = replay_.size();
  for (const ClosedEpisode& episode : closed) {
    if (!episode.probe) replay_.push_back(episode.id);
  }
  block_steps_left_ = replay_.size() > block_begin_ ? config_.steps_per_block : 0;
  progress_.taken += closed.size();
  progress_.trainable = replay_.size();
  return absl::OkStatus();
}

void Learner::Draw(uint64_t population, uint64_t count, std::vector<EpisodeId>& ids) {
  // The first `count` places of a shuffle, without the shuffle: what was swapped is remembered.
  Random random(StableMix64(kReplaySeed ^ trainer_->steps(), progress_.steps_total));
  std::unordered_map<uint64_t, uint64_t> swapped;
  const auto at = [&swapped](uint64_t place) {
    const auto it = swapped.find(place);
    return it == swapped.end() ? place : it->second;
  };
  for (uint64_t i = 0; i < std::min(count, population); ++i) {
    const uint64_t j = i + random.Below(population - i);
    const uint64_t chosen = at(j);
    swapped[j] = at(i);
    ids.push_back(replay_[chosen]);
  }
}

absl::StatusOr<StepResult> Learner::Train(const std::vector<EpisodeId>& ids) {
  std::vector<TrainingEpisode> episodes;
  MM_RETURN_IF_ERROR(source_->Load(ids, episodes));
  return trainer_->Step(episodes);
}

absl::StatusOr<StepResult> Learner::StepNew(bool flush) {
  if (!HasNew(flush)) {
    return absl::FailedPreconditionError(
        absl::StrCat("learner: ", waiting(), " new episodes wait, ", config_.block_episodes,
                     " make a block; stream more or flush"));
  }
  while (block_steps_left_ == 0 && HasNew(flush)) MM_RETURN_IF_ERROR(TakeBlock());
  if (block_steps_left_ == 0) return StepResult{};  // nothing but probes waited

  const auto block = static_cast<std::ptrdiff_t>(block_begin_);
  std::vector<EpisodeId> ids(replay_.begin() + block, replay_.end());
  Draw(block_begin_, static_cast<uint64_t>(config_.batch_episodes) - ids.size(), ids);
  MM_ASSIGN_OR_RETURN(const StepResult result, Train(ids));
  --block_steps_left_;
  ++progress_.steps_total;
  ++progress_.steps_stream;
  return result;
}

absl::StatusOr<StepResult> Learner::StepReplay() {
  if (replay_.size() < 2) {
    return absl::FailedPreconditionError(absl::StrCat(
        "learner: ", replay_.size(), " episodes to replay, 2 are needed; stream more"));
  }
  std::vector<EpisodeId> ids;
  Draw(replay_.size(), static_cast<uint64_t>(config_.batch_episodes), ids);
  MM_ASSIGN_OR_RETURN(const StepResult result, Train(ids));
  ++progress_.steps_total;
  ++progress_.steps_consolidation;
  return result;
}

}  // namespace mixmatch
