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
    first = closed_;
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
    while (!oldest_.empty() && oldest_.back().id >= episode.id) oldest_.pop_back();
    oldest_.push_back({.ordinal = closed_++, .id = episode.id});
  }
}

absl::Status Watermarks::SetTaken(uint64_t taken) {
  const absl::MutexLock changing(&changing_mu_);
  taken = std::min(taken, episodes_->closed_count());
  bool back = false;
  {
    const absl::MutexLock lock(&mu_);
    back = taken < taken_;
  }
  // Forwards there is nothing to read: what closed and is not taken is read before it is bound.
  std::vector<ClosedEpisode> closed;
  if (back) {
    MM_ASSIGN_OR_RETURN(closed, ReadClosed(taken));
  }
  const absl::MutexLock lock(&mu_);
  if (back) {
    oldest_.clear();
    closed_ = taken;
    Wait(closed);
  }
  taken_ = taken;
  closed_ = std::max(closed_, taken);
  while (!oldest_.empty() && oldest_.front().ordinal < taken_) oldest_.pop_front();
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
  if (!oldest_.empty()) held_back_by = std::min(held_back_by, oldest_.front().id);
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
