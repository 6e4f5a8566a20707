// The schedule of steps. Every random choice is a function of the seed and the number of the step.
#include "core/learning/learner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "core/encoder/weights_file.h"

namespace mixmatch {
namespace {

constexpr uint64_t kOwedMax = 1000;
// A slow stream is flushed episode by episode; should it then come fast, a block is no longer than
// so many more, or it would leave no room for replay.
constexpr uint64_t kAheadBlocks = 2;
constexpr uint64_t kReplaySeed = 0x7265706c6179;  // apart from the trainer's choices

}  // namespace

Learner::Learner(const LearnerConfig& config, const TrainingSource* source,
                 std::unique_ptr<Trainer> trainer)
    : config_(config),
      source_(source),
      trainer_(std::move(trainer)),
      held_out_(config.probes_max) {}

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
                                                          std::string_view checkpoint,
                                                          bool all_bound) {
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
  MM_ASSIGN_OR_RETURN(learner->block_ordinal_, file.Number("block_ordinal"));
  MM_ASSIGN_OR_RETURN(learner->next_ordinal_, file.Number("next_ordinal"));
  MM_ASSIGN_OR_RETURN(const uint64_t left, file.Number("block_steps_left"));
  MM_ASSIGN_OR_RETURN(learner->owed_, file.Number("owed"));
  MM_ASSIGN_OR_RETURN(learner->ahead_, file.Number("ahead"));
  MM_ASSIGN_OR_RETURN(learner->settled_, file.Number("settled"));
  learner->block_steps_left_ = static_cast<int>(left);
  MM_RETURN_IF_ERROR(learner->TakeAgain(all_bound));
  return learner;
}

absl::Status Learner::TakeAgain(bool all_bound) {
  if (block_ordinal_ > next_ordinal_) {
    return absl::DataLossError(absl::StrCat("learner checkpoint: its block begins at ",
                                            block_ordinal_, " and ends at ", next_ordinal_,
                                            "; take an older checkpoint"));
  }
  std::vector<ClosedEpisode> closed;
  MM_RETURN_IF_ERROR(source_->ListClosed(0, next_ordinal_, closed));
  if (closed.size() < next_ordinal_) {
    if (!all_bound) {
      return absl::OutOfRangeError(absl::StrCat("learner checkpoint: it took ", next_ordinal_,
                                                " episodes where ", closed.size(),
                                                " are bound; try again when more are"));
    }
    // Some are gone for good. What closes from here on is new, whatever was learned before.
    next_ordinal_ = closed.size();
    block_ordinal_ = std::min(block_ordinal_, next_ordinal_);
    progress_.taken = std::min(progress_.taken, next_ordinal_);
  }
  for (uint64_t ordinal = 0; ordinal < closed.size(); ++ordinal) {
    if (!Take(ordinal, closed[ordinal])) continue;
    if (ordinal < block_ordinal_) {
      replay_.Add(closed[ordinal]);
    } else {
      block_.push_back(closed[ordinal]);
    }
  }
  if (block_.empty()) block_steps_left_ = 0;
  progress_.trainable = replay_.size() + block_.size();
  return absl::OkStatus();
}

std::string Learner::Checkpoint() const {
  WeightsFile file;
  file.facts["trainer"] = trainer_->Checkpoint();
  file.SetNumber("steps_total", progress_.steps_total);
  file.SetNumber("steps_stream", progress_.steps_stream);
  file.SetNumber("steps_consolidation", progress_.steps_consolidation);
  file.SetNumber("taken", progress_.taken);
  file.SetNumber("block_ordinal", block_ordinal_);
  file.SetNumber("next_ordinal", next_ordinal_);
  file.SetNumber("owed", owed_);
  file.SetNumber("ahead", ahead_);
  file.SetNumber("settled", settled_);
  file.SetNumber("block_steps_left", static_cast<uint64_t>(block_steps_left_));
  return WriteWeights(file);
}

uint64_t Learner::waiting() const {
  const uint64_t closed = source_->closed_count();
  return closed > progress_.taken ? closed - progress_.taken : 0;
}

LearnerProgress Learner::progress() const { return progress_; }

uint64_t Learner::BlockEnd() const {
  return next_ordinal_ + std::min(static_cast<uint64_t>(config_.block_episodes) + ahead_,
                                  static_cast<uint64_t>(config_.batch_episodes));
}

bool Learner::HasNew(bool flush) const {
  const uint64_t enough = flush ? next_ordinal_ + 1 : BlockEnd();
  return block_steps_left_ > 0 || source_->closed_count() >= enough;
}

bool Learner::Take(uint64_t ordinal, const ClosedEpisode& episode) {
  if (!episode.probe) return true;
  for (const Probe& released : held_out_.Add(ordinal, episode)) {
    replay_.AddReleased(released.id);
  }
  return false;
}

absl::Status Learner::TakeBlock() {
  std::vector<ClosedEpisode> closed;
  MM_RETURN_IF_ERROR(source_->ListClosed(next_ordinal_, BlockEnd() - next_ordinal_, closed));
  const auto block = static_cast<uint64_t>(config_.block_episodes);
  ahead_ = std::min(ahead_ + block - std::min(closed.size(), ahead_ + block), kAheadBlocks * block);
  for (const ClosedEpisode& episode : block_) replay_.Add(episode);
  block_.clear();
  block_ordinal_ = next_ordinal_;
  for (const ClosedEpisode& episode : closed) {
    if (Take(next_ordinal_++, episode)) block_.push_back(episode);
  }
  block_steps_left_ = block_.empty() ? 0 : config_.steps_per_block;
  progress_.trainable = replay_.size() + block_.size();
  return absl::OkStatus();
}

void Learner::Draw(uint64_t count, std::vector<EpisodeId>& ids) const {
  if (!config_.replay) return;
  replay_.Draw(count, static_cast<uint64_t>(config_.batch_episodes),
               StableMix64(kReplaySeed ^ trainer_->steps(), progress_.steps_total), ids);
}

absl::StatusOr<StepResult> Learner::Train(const std::vector<EpisodeId>& ids) {
  std::vector<TrainingEpisode> episodes;
  absl::Status loaded = source_->Load(ids, episodes);
  if (absl::IsDataLoss(loaded) || absl::IsNotFound(loaded)) {
    // A damaged episode must not stop learning for ever: go on with those that can be read.
    episodes.clear();
    for (const EpisodeId id : ids) {
      const size_t before = episodes.size();
      if (source_->Load({&id, 1}, episodes).ok()) continue;
      episodes.resize(before);
      ++progress_.unreadable;
    }
    if (!episodes.empty()) loaded = absl::OkStatus();
  }
  MM_RETURN_IF_ERROR(loaded);
  return trainer_->Step(episodes, settled_);
}

absl::StatusOr<StepResult> Learner::StepNew(bool flush) {
  if (!HasNew(flush)) {
    return absl::FailedPreconditionError(
        absl::StrCat("learner: ", waiting(), " new episodes wait, ", config_.block_episodes,
                     " make a block; stream more or flush"));
  }
  while (block_steps_left_ == 0 && HasNew(flush)) {
    MM_RETURN_IF_ERROR(TakeBlock());
    if (block_.empty()) progress_.taken = next_ordinal_;
  }
  if (block_steps_left_ == 0) return StepResult{};  // nothing but probes waited

  std::vector<EpisodeId> ids;
  for (const ClosedEpisode& episode : block_) ids.push_back(episode.id);
  Draw(static_cast<uint64_t>(config_.batch_episodes) - ids.size(), ids);
  settled_ = 0;
  MM_ASSIGN_OR_RETURN(const StepResult result, Train(ids));
  --block_steps_left_;
  progress_.taken = next_ordinal_;
  if (result.positives == 0) {
    owed_ = std::min(owed_ + 1, kOwedMax);
    return result;
  }
  ++progress_.steps_total;
  ++progress_.steps_stream;
  if (owed_ > 0 && block_steps_left_ == 0) {
    --owed_;
    ++block_steps_left_;
  }
  return result;
}

absl::StatusOr<StepResult> Learner::StepReplay() {
  if (progress_.trainable < 2 || !config_.replay) {
    return absl::FailedPreconditionError(absl::StrCat("learner: ", progress_.trainable,
                                                      " episodes to replay, 2 are needed, and ",
                                                      "learning.replay; stream more"));
  }
  for (const ClosedEpisode& episode : block_) replay_.Add(episode);
  block_.clear();
  block_ordinal_ = next_ordinal_;
  block_steps_left_ = 0;
  std::vector<EpisodeId> ids;
  Draw(static_cast<uint64_t>(config_.batch_episodes), ids);
  MM_ASSIGN_OR_RETURN(const StepResult result, Train(ids));
  progress_.taken = next_ordinal_;
  if (result.positives > 0) {
    ++settled_;
    ++progress_.steps_total;
    ++progress_.steps_consolidation;
  }
  return result;
}

}  // namespace mixmatch
