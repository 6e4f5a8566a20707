// What a thread is called, how far behind the rest of the program it works, and on how many cores
// threads run.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>

namespace mixmatch {

enum class ThreadPriority {
  kNormal,
  // What someone waits for once it falls far behind: a third of the share of kNormal where both
  // want to run (nice 5).
  kBehind,
  // When the others leave something, or else a thirtieth (nice 15).
  kLow,
  // The smallest share (nice 19). Not none, as SCHED_IDLE would have it: it writes to the database
  // and holds locks that others wait for.
  kLowest,
};

// Calls the calling thread so in `top -H`, debuggers and profiles; the main thread's is the
// program's in `ps`. At most 15 bytes count.
void NameThread(const std::string& name);

// Cores that the calling thread may run on (`taskset`, a container's cpuset): at least 1. Shares of
// cores that a container is held to do not count.
size_t UsableCores();

// Gives the calling thread, and those that it starts from then on, turns of 0.1 ms, until
// SetThreadPriority puts one behind, which has the system's again. Woken, it then runs at once:
// else it waits for the turn (up to 3 ms) of whoever works behind it on the same core. For the
// program's first thread. Linux 6.12 and later know of it (sched_setattr(2): sched_runtime of
// SCHED_OTHER); earlier ones leave things as they are.
void TakeShortTurns();

// The calling thread, for SetThreadPriority.
pid_t ThisThread();

// Whether the calling thread works behind the program's first one.
bool IsBehind();

// Threads that it starts from then on inherit it. Returns whether the system allowed it; back to
// kNormal it takes a privilege. Thread-safe.
bool SetThreadPriority(pid_t thread, ThreadPriority priority);

}  // namespace mixmatch
