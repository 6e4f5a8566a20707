// The bookkeeping of one ingest: which events wait, which are on their way, how far one may go.
//
// Takes events, results and watermarks from the Ingester; gives the next event to send and the
// outcomes to report. It knows no threads, no clock and no network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "clients/cpp/ingester.h"
#include "mixmatch/v1/memory.pb.h"

namespace mixmatch::client {

// Invariants:
//   1. Every event is in exactly one place: waiting, on its way, or reported.
//   2. What waits is sorted by index.
//   3. What is on its way is in the order of the stream; the front has position `position_`.
// Thread-safety: Not thread-safe: one owner thread.
class IngestWindow {
 public:
  using Request = std::shared_ptr<const v1::IngestRequest>;

  // What a result brought.
  struct Applied {
    std::vector<EventOutcome> outcomes;
    // Set when events went back to the waiting ones: send nothing for so long.
    std::optional<absl::Duration> retry_delay;
  };

  explicit IngestWindow(uint64_t max_unlearned_events)
      : max_unlearned_events_(max_unlearned_events) {}

  // Takes an event and numbers it.
  void Add(v1::Event event);

  // Puts the first waiting event on its way. At least one must wait.
  Request TakeNext();

  // Takes one result of the stream. INTERNAL when it speaks of events that it cannot speak of;
  // then nothing is changed.
  absl::StatusOr<Applied> Apply(const v1::IngestResult& result);

  // The stream is gone: what was on its way waits again, and the next stream begins at position 0.
  // With `suspect`, the stream ended because of something that was in it: from now on events go one
  // at a time until all that were on their way have results. Returns the outcome of an event that
  // alone ended the stream `kSuspicionsMax` times, which is then given up.
  std::optional<EventOutcome> Disconnect(const absl::Status* suspect);

  void SetWatermarks(const v1::Watermarks& watermarks) { watermarks_ = watermarks; }
  const std::optional<v1::Watermarks>& watermarks() const { return watermarks_; }

  // Whether pacing forbids to send one more. Without watermarks it does.
  bool MustWaitForLearner() const;
  // Whether a waiting event may go now, pacing left aside.
  bool HasNext() const;

  bool empty() const { return waiting_.empty() && on_way_.empty(); }
  size_t event_count() const { return waiting_.size() + on_way_.size(); }
  size_t on_way_count() const { return on_way_.size(); }
  size_t byte_count() const { return byte_count_; }
  uint64_t taken_count() const { return next_index_; }

  static constexpr int kSuspicionsMax = 3;

 private:
  struct Slot {
    uint64_t index = 0;
    Request request;
    size_t bytes = 0;
    int suspicion_count = 0;
  };

  void PutBack(Slot slot);

  const uint64_t max_unlearned_events_;
  uint64_t next_index_ = 0;
  size_t byte_count_ = 0;
  std::deque<Slot> waiting_;
  std::deque<Slot> on_way_;
  uint64_t position_ = 0;
  // Up to this index events go one at a time.
  std::optional<uint64_t> one_by_one_until_;
  uint64_t acknowledged_ = 0;  // highest sequence number in a result
  std::optional<v1::Watermarks> watermarks_;
};

}  // namespace mixmatch::client
