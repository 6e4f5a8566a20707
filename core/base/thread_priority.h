// How far behind the rest of the program a thread works.
#pragma once

#include <sys/types.h>

namespace mixmatch {

enum class ThreadPriority {
  kNormal,
  // When the others leave something, or else a small share (nice 10).
  kBackground,
  // The smallest share (nice 19). Not none, as SCHED_IDLE would have it: it writes to the database
  // and holds locks that others wait for.
  kLowest,
};

// The calling thread, for SetThreadPriority.
pid_t ThisThread();

// Threads that it starts from then on inherit it. Returns whether the system allowed it; back to
// kNormal it takes a privilege. Thread-safe.
bool SetThreadPriority(pid_t thread, ThreadPriority priority);

}  // namespace mixmatch
