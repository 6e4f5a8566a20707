// An arena of jemalloc that never purges by itself. Arenas whose heap has ended wait for the next.
#include "core/base/own_heap.h"

#include <sys/types.h>

#include <cstddef>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

// Of jemalloc, where the program has it.
extern "C" int mallctl(const char* name, void* old_value, size_t* old_size, void* new_value,
                       size_t new_size) __attribute__((weak));

namespace mixmatch {
namespace {

// An arena cannot be taken away while something in it lives, so it is used again.
struct Waiting {
  absl::Mutex mutex;
  std::vector<unsigned> arenas ABSL_GUARDED_BY(mutex);
};

Waiting& WaitingArenas() {
  static auto* const kWaiting = new Waiting;
  return *kWaiting;
}

bool TakeArena(unsigned& arena) {
  {
    Waiting& waiting = WaitingArenas();
    const absl::MutexLock lock(&waiting.mutex);
    if (!waiting.arenas.empty()) {
      arena = waiting.arenas.back();
      waiting.arenas.pop_back();
      return true;
    }
  }
  size_t size = sizeof(arena);
  if (mallctl("arenas.create", &arena, &size, nullptr, 0) != 0) return false;
  ssize_t never = -1;
  return mallctl(absl::StrCat("arena.", arena, ".dirty_decay_ms").c_str(), nullptr, nullptr, &never,
                 sizeof(never)) == 0;
}

}  // namespace

OwnHeap::OwnHeap() {
  if (mallctl == nullptr || !TakeArena(arena_)) return;
  size_t size = sizeof(before_);
  works_ = mallctl("thread.arena", &before_, &size, &arena_, sizeof(arena_)) == 0;
}

OwnHeap::~OwnHeap() {
  if (!works_) return;
  mallctl("thread.arena", nullptr, nullptr, &before_, sizeof(before_));
  Release();
  Waiting& waiting = WaitingArenas();
  const absl::MutexLock lock(&waiting.mutex);
  waiting.arenas.push_back(arena_);
}

void OwnHeap::Release() const {
  if (!works_) return;
  // What the thread itself keeps at hand would not be seen.
  mallctl("thread.tcache.flush", nullptr, nullptr, nullptr, 0);
  mallctl(absl::StrCat("arena.", arena_, ".purge").c_str(), nullptr, nullptr, nullptr, 0);
}

void ReleaseFreeMemory() {
  // 4096: MALLCTL_ARENAS_ALL.
  if (mallctl != nullptr) mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);
}

}  // namespace mixmatch
