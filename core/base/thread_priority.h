// How far behind the rest of the program a thread works.
#pragma once

#include <sys/types.h>

namespace mixmatch {

enum class ThreadPriority {
  kNormal,
  // When the others leave something, or else a small share (nice 10).
  kBackground,
  // What is left over alone: whoever wakes up goes at once before it, and to a processor that
  // works at nothing else as to one that rests (SCHED_IDLE of Linux).
  kIdle,
};

// The calling thread, for SetThreadPriority.
pid_t ThisThread();

// Threads that it starts from then on inherit it. Returns whether the system allowed it; from kIdle
// back to kNormal needs no privilege, from kBackground it does. Thread-safe.
bool SetThreadPriority(pid_t thread, ThreadPriority priority);

}  // namespace mixmatch
