// The wall clock of this program, off by what the plan's folder says: the program's own functions
// stand in front of the C library's. Monotonic clocks are as they are. Who sleeps until a time of
// this clock sleeps by the system's: where it is ahead of that, as long as where a clock was set
// back.
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <ctime>

#include "tests/fault/files/fault_plan.h"

extern "C" int clock_gettime(clockid_t clock, struct timespec* now) noexcept {
  const auto failed = static_cast<int>(syscall(SYS_clock_gettime, clock, now));
  if (failed == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += mixmatch::fault::clock_offset_s;
  }
  return failed;
}

// By which Abseil reckons until when its mutexes wait.
extern "C" int gettimeofday(struct timeval* now, void* /*zone*/) noexcept {
  timespec time = {};
  const int failed = clock_gettime(CLOCK_REALTIME, &time);
  now->tv_sec = time.tv_sec;
  now->tv_usec = time.tv_nsec / 1000;
  return failed;
}
