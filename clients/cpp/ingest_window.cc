// Where each event of an ingest is.
#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cpp/ingest_window_internal.h"

namespace mixmatch::client {
namespace {

constexpr absl::Duration kRetryDelayMin = absl::Milliseconds(20);

absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

bool IsRetry(const v1::IngestResult& result) {
  if (result.outcome() != v1::IngestResult::REJECTED) return false;
  const int code = result.error().code();
  return code == static_cast<int>(absl::StatusCode::kResourceExhausted) ||
         (code == static_cast<int>(absl::StatusCode::kUnavailable) &&
          result.error().has_retry_delay());
}

}  // namespace

void IngestWindow::Add(v1::Event event) {
  auto request = std::make_shared<v1::IngestRequest>();
  *request->mutable_event() = std::move(event);
  const size_t bytes = request->ByteSizeLong();
  byte_count_ += bytes;
  waiting_.push_back({next_index_++, std::move(request), bytes, 0});
}

IngestWindow::Request IngestWindow::TakeNext() {
  on_way_.push_back(std::move(waiting_.front()));
  waiting_.pop_front();
  return on_way_.back().request;
}

void IngestWindow::PutBack(Slot slot) {
  const auto place =
      std::upper_bound(waiting_.begin(), waiting_.end(), slot,
                       [](const Slot& a, const Slot& b) { return a.index < b.index; });
  waiting_.insert(place, std::move(slot));
}

absl::StatusOr<IngestWindow::Applied> IngestWindow::Apply(const v1::IngestResult& result) {
  const uint64_t count = result.event_count();
  if (result.first_index() != position_ || count == 0 || count > on_way_.size() ||
      result.outcome() == v1::IngestResult::OUTCOME_UNSPECIFIED) {
    return absl::InternalError(absl::StrCat(
        "ingest: a result for ", count, " events from ", result.first_index(), ", but ",
        on_way_.size(), " from ", position_, " are on their way; daemon and client do not match"));
  }
  Applied applied;
  for (uint64_t i = 0; i < count; ++i) {
    Slot slot = std::move(on_way_.front());
    on_way_.pop_front();
    ++position_;
    slot.suspicion_count = 0;
    if (IsRetry(result)) {
      applied.retry_delay = std::max(kRetryDelayMin, ToDuration(result.error().retry_delay()));
      PutBack(std::move(slot));
      continue;
    }
    byte_count_ -= slot.bytes;
    EventOutcome outcome{slot.index, result.outcome(), 0, {}};
    if (result.outcome() == v1::IngestResult::REJECTED) {
      outcome.error = result.error();
    } else {
      outcome.sequence = result.first_sequence() + i;
      acknowledged_ = std::max(acknowledged_, outcome.sequence);
    }
    applied.outcomes.push_back(std::move(outcome));
  }
  if (one_by_one_until_ && on_way_.empty() &&
      (waiting_.empty() || waiting_.front().index > *one_by_one_until_)) {
    one_by_one_until_.reset();
  }
  return applied;
}

std::optional<EventOutcome> IngestWindow::Disconnect(const absl::Status* suspect) {
  position_ = 0;
  std::optional<EventOutcome> given_up;
  if (suspect != nullptr && !on_way_.empty()) {
    Slot& first = on_way_.front();
    if (on_way_.size() == 1 && ++first.suspicion_count >= kSuspicionsMax) {
      given_up = EventOutcome{first.index, v1::IngestResult::REJECTED, 0, {}};
      given_up->error.set_code(static_cast<int>(suspect->code()));
      given_up->error.set_field("event");
      given_up->error.set_message(std::string(suspect->message()));
      byte_count_ -= first.bytes;
      on_way_.pop_front();
    } else {
      one_by_one_until_ = std::max(one_by_one_until_.value_or(0), on_way_.back().index);
    }
  }
  for (; !on_way_.empty(); on_way_.pop_front()) PutBack(std::move(on_way_.front()));
  return given_up;
}

bool IngestWindow::HasNext() const {
  return !waiting_.empty() && !(one_by_one_until_ && !on_way_.empty());
}

bool IngestWindow::MustWaitForLearner() const {
  if (max_unlearned_events_ == 0) return false;
  if (!watermarks_) return true;
  const uint64_t stored = std::max(watermarks_->durable(), acknowledged_);
  const uint64_t learned = std::min(watermarks_->learned(), stored);
  return stored - learned + on_way_.size() >= max_unlearned_events_;
}

}  // namespace mixmatch::client
