// The learned watermark is held back by the oldest of: an unbound entry, an open episode, an
// episode that no step has seen.
#include "server/watermarks.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/status.h"

namespace mixmatch {

void Watermarks::SetBound(Seq next_seq, std::optional<EpisodeId> oldest_open) {
  const absl::MutexLock changing(&changing_mu_);
  uint64_t first = 0;
  {
    const absl::MutexLock lock(&mu_);
    first = taken_ + waiting_.size();
  }
  const absl::StatusOr<std::vector<ClosedEpisode>> closed = ReadClosed(first);
  if (!closed.ok()) return;  // the watermark stays where it is, which is safe
  const absl::MutexLock lock(&mu_);
  // An episode that closed must be waiting before it is no longer open.
  Wait(*closed);
  bound_next_ = next_seq;
  oldest_open_ = oldest_open;
}

absl::StatusOr<std::vector<ClosedEpisode>> Watermarks::ReadClosed(uint64_t first) const {
  std::vector<ClosedEpisode> closed;
  MM_RETURN_IF_ERROR(episodes_->ListClosed(first, UINT64_MAX, closed));
  return closed;
}

void Watermarks::Wait(const std::vector<ClosedEpisode>& closed) {
  for (const ClosedEpisode& episode : closed) {
    waiting_.push_back(episode.id);
    waiting_ids_.insert(episode.id);
  }
}

absl::Status Watermarks::SetTaken(uint64_t taken) {
  const absl::MutexLock changing(&changing_mu_);
  bool back = false;
  uint64_t first = taken;
  {
    const absl::MutexLock lock(&mu_);
    back = taken < taken_;
    if (!back) first = taken_ + waiting_.size();
  }
  MM_ASSIGN_OR_RETURN(const std::vector<ClosedEpisode> closed, ReadClosed(first));
  const absl::MutexLock lock(&mu_);
  if (back) {
    waiting_.clear();
    waiting_ids_.clear();
    taken_ = taken;
  }
  Wait(closed);
  while (taken_ < taken && !waiting_.empty()) {
    waiting_ids_.erase(waiting_.front());
    waiting_.pop_front();
    ++taken_;
  }
  return absl::OkStatus();
}

WatermarkValues Watermarks::Get() const {
  const auto serving = generations_->serving();
  WatermarkValues values;
  values.durable = log_->last_seq();
  values.recallable = serving->embeddings->cursor().next_seq - 1;
  values.served_learned = serving->learned;
  values.generation = serving->number;
  const absl::MutexLock lock(&mu_);
  Seq held_back_by = bound_next_;
  if (oldest_open_) held_back_by = std::min(held_back_by, *oldest_open_);
  if (!waiting_ids_.empty()) held_back_by = std::min(held_back_by, *waiting_ids_.begin());
  values.learned = held_back_by - 1;
  return values;
}

uint64_t Watermarks::Subscribe(std::function<void(const WatermarkValues&)> listener) {
  const absl::MutexLock lock(&listeners_mu_);
  listeners_[next_handle_] = std::move(listener);
  return next_handle_++;
}

void Watermarks::Unsubscribe(uint64_t handle) {
  const absl::MutexLock lock(&listeners_mu_);
  listeners_.erase(handle);
}

void Watermarks::Publish() {
  const WatermarkValues values = Get();
  const absl::MutexLock lock(&listeners_mu_);
  if (published_ == values) return;
  published_ = values;
  for (const auto& [handle, listener] : listeners_) listener(values);
}

void Watermarks::Nudge() {
  const WatermarkValues values = Get();
  const absl::MutexLock lock(&listeners_mu_);
  for (const auto& [handle, listener] : listeners_) listener(values);
}

}  // namespace mixmatch
