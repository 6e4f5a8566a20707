// How fast events are written: what a write takes on the disk, and what each event costs beside it.
//
// Where the disk is slow, many events share a write; where the processor is, more of them at once
// only make each wait longer.
#pragma once

#include <algorithm>
#include <cstdint>

#include "absl/time/time.h"

namespace mixmatch {

// Thread-safety: Not thread-safe.
class WriterPace {
 public:
  // Of a group of at least one event: how long its write took, and what else was done for it.
  void NoteGroup(uint64_t events, absl::Duration write, absl::Duration work) {
    const absl::Duration each = std::max(work / static_cast<int64_t>(events), absl::Nanoseconds(1));
    if (!is_known()) {
      write_ = write;
      each_ = each;
      return;
    }
    // One that stands for long says little of the next. And where the processor is busy, a write
    // that has ended waits for it: more of them at once would only make that longer.
    write = std::min(write, 2 * write_ + absl::Milliseconds(1));
    write_ += (write - write_) / (write < write_ ? kShorter : kLonger);
    each_ += (std::min(each, 2 * each_ + absl::Microseconds(10)) - each_) / kGroups;
  }

  // What a write takes on the disk, when little else delays it.
  absl::Duration write() const { return write_; }
  bool is_known() const { return each_ > absl::ZeroDuration(); }
  // So many events are written in this time, or else in what the disk takes for a write. Requires
  // is_known().
  uint64_t EventsWithin(absl::Duration time) const {
    return static_cast<uint64_t>(absl::FDivDuration(std::max(time, write_), each_));
  }

 private:
  static constexpr int kGroups = 8;  // that count, the latest most
  static constexpr int kShorter = 2;
  static constexpr int kLonger = 32;

  absl::Duration write_;
  absl::Duration each_;
};

}  // namespace mixmatch
