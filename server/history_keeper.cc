// Copies under the lock, bytes and storage outside of it.
#include "server/history_keeper.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr char kHistoryWeights[] = "learner/history";
constexpr size_t kPaceSteps = 50;

absl::StatusOr<TrainingHistory> Read(const GenerationStore& store) {
  MM_ASSIGN_OR_RETURN(const std::string bytes, store.GetWeights(kHistoryWeights));
  return TrainingHistory::Deserialize(bytes);
}

}  // namespace

void HistoryKeeper::Load(uint64_t steps_total) {
  absl::StatusOr<TrainingHistory> read = Read(*store_);
  if (!read.ok() && !absl::IsNotFound(read.status())) {
    spdlog::warn("history of training not read, it begins anew: {}", read.status().ToString());
  }
  TrainingHistory history = read.ok() ? *std::move(read) : TrainingHistory();
  history.Undo(steps_total);
  history.Resume(clock_->Now());
  const absl::MutexLock lock(&mu_);
  history_ = std::move(history);
}

void HistoryKeeper::Save() {
  const absl::Status saved = store_->PutWeights(kHistoryWeights, Get().Serialize());
  if (!saved.ok()) spdlog::error("history of training not saved: {}", saved.ToString());
}

void HistoryKeeper::Add(const StepNote& note, const StepResult& result) {
  const absl::MutexLock lock(&mu_);
  history_.Add(note, result);
  if (result.positives == 0) return;
  recent_.emplace_back(result.loss, note.end - note.start);
  if (recent_.size() > kPaceSteps) recent_.pop_front();
}

Pace HistoryKeeper::pace() const {
  const absl::MutexLock lock(&mu_);
  const auto count = static_cast<double>(recent_.size());
  Pace pace;
  double seconds = 0;
  for (const auto& [loss, took] : recent_) {
    pace.loss += loss / count;
    seconds += absl::ToDoubleSeconds(took);
  }
  if (seconds > 0) pace.steps_per_s = count / seconds;
  return pace;
}

void HistoryKeeper::Undo(uint64_t steps_total) {
  const absl::MutexLock lock(&mu_);
  history_.Undo(steps_total);
}

TrainingHistory HistoryKeeper::Get() const {
  TrainingHistory history;
  {
    const absl::MutexLock lock(&mu_);
    history = history_;
  }
  history.CountTime(clock_->Now());
  return history;
}

HistoryRow HistoryKeeper::Recent() const {
  const absl::MutexLock lock(&mu_);
  return history_.Recent();
}

double HistoryKeeper::TimeShare() const {
  const absl::MutexLock lock(&mu_);
  return history_.TimeShare(clock_->Now());
}

}  // namespace mixmatch
