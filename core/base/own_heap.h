// A heap for a thread that takes and frees large blocks over and over, as training does; and giving
// back what is free.
#pragma once

namespace mixmatch {

// While it lives, the thread that made it allocates from a heap of its own, which keeps what is
// freed for the next time: a page that goes back to the system and comes again costs as much as
// the work on it. Works where the program is linked with jemalloc; elsewhere it does nothing. What
// was allocated may be freed anywhere and may live longer than the heap.
//
// Thread-safety: Belongs to the thread that made it.
class OwnHeap {
 public:
  OwnHeap();
  ~OwnHeap();
  OwnHeap(const OwnHeap&) = delete;
  OwnHeap& operator=(const OwnHeap&) = delete;

  // Hands what is free now back to the system: for when the thread rests.
  void Release() const;

  // Whether the program's allocator can do it.
  bool works() const { return works_; }

 private:
  bool works_ = false;
  unsigned arena_ = 0;
  unsigned before_ = 0;  // the thread's arena until then
};

// Gives what all threads have freed, and the program's allocator keeps for the next time, back to
// the system; where that is not jemalloc, nothing happens. Thread-safe.
void ReleaseFreeMemory();

}  // namespace mixmatch
