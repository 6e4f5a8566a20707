// Waiting work of many lanes, taken in turns: who sends much waits for himself, and others for one
// turn of his.
//
// Deficit round robin (Shreedhar and Varghese, 1995): each turn a lane may take as much more as one
// quantum; what it does not use up it keeps, as long as it has work.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

namespace mixmatch {

// Items of one lane come out in the order in which they went in.
// Thread-safety: Not thread-safe.
template <typename Item>
class FairQueue {
 public:
  // `quantum`: the cost that a lane may take in one turn, at least 1.
  explicit FairQueue(uint64_t quantum) : quantum_(std::max<uint64_t>(quantum, 1)) {}

  void Push(uint64_t lane, Item item, uint64_t cost) {
    Lane& to = lanes_[lane];
    if (to.items.empty()) turns_.push_back(lane);
    to.items.push_back({std::move(item), cost});
    ++size_;
  }

  std::optional<Item> Pop() {
    while (!turns_.empty()) {
      const auto found = lanes_.find(turns_.front());
      Lane& lane = found->second;
      if (lane.items.front().cost > lane.deficit) {
        lane.deficit += quantum_;
        turns_.push_back(turns_.front());
        turns_.pop_front();
        continue;
      }
      lane.deficit -= lane.items.front().cost;
      std::optional<Item> item = std::move(lane.items.front().item);
      lane.items.pop_front();
      --size_;
      if (lane.items.empty()) {
        lanes_.erase(found);
        turns_.pop_front();
      }
      return item;
    }
    return std::nullopt;
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  struct Waiting {
    Item item;
    uint64_t cost;
  };
  struct Lane {
    std::deque<Waiting> items;
    uint64_t deficit = 0;
  };

  const uint64_t quantum_;
  std::unordered_map<uint64_t, Lane> lanes_;  // those with work
  std::deque<uint64_t> turns_;                // their turns; the first takes now
  size_t size_ = 0;
};

}  // namespace mixmatch
