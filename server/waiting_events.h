// Events that wait to be let in, of streams and of calls.
//
// Streams keep their window full: among their lanes a call would wait for a turn of each. Each kind
// has half where both wait for theirs, and within a kind lanes take turns.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "server/fair_queue.h"

namespace mixmatch {

// Items of one lane and kind come out in the order in which they went in.
// Thread-safety: Not thread-safe.
template <typename Item>
class WaitingEvents {
 public:
  // As FairQueue's.
  explicit WaitingEvents(uint64_t quantum) : streams_(quantum), calls_(quantum) {}

  void Push(uint64_t lane, bool of_call, Item item, uint64_t cost) {
    (of_call ? calls_ : streams_).Push(lane, {std::move(item), cost}, cost);
  }

  std::optional<Item> Pop() {
    // Nobody saves up for when the other comes.
    if (streams_.empty() || calls_.empty()) lead_ = 0;
    const bool call = !calls_.empty() && lead_ <= 0;
    std::optional<Costed> next = call ? calls_.Pop() : streams_.Pop();
    if (!next) return std::nullopt;
    lead_ += (call ? 1 : -1) * static_cast<int64_t>(next->cost);
    return std::move(next->item);
  }

  bool empty() const { return streams_.empty() && calls_.empty(); }
  bool has_streams() const { return !streams_.empty(); }

 private:
  struct Costed {
    Item item;
    uint64_t cost = 0;
  };

  FairQueue<Costed> streams_;
  FairQueue<Costed> calls_;
  int64_t lead_ = 0;  // what calls had more than streams
};

}  // namespace mixmatch
