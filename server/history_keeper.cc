// Copies under the lock, bytes and storage outside of it.
#include "server/history_keeper.h"

#include <spdlog/spdlog.h>

#include <string>
#include <utility>

namespace mixmatch {
namespace {

constexpr char kHistoryWeights[] = "learner/history";

}  // namespace

void HistoryKeeper::Load(uint64_t steps_total) {
  TrainingHistory history;
  const absl::StatusOr<std::string> bytes = store_->GetWeights(kHistoryWeights);
  if (bytes.ok()) {
    auto read = TrainingHistory::Deserialize(*bytes);
    if (read.ok()) {
      history = *std::move(read);
    } else {
      spdlog::warn("{}", read.status().ToString());
    }
  } else if (!absl::IsNotFound(bytes.status())) {
    spdlog::warn("history of training not read, it begins anew: {}", bytes.status().ToString());
  }
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
