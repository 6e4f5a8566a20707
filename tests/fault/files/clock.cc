// The wall clock of this program, off by what the plan's folder says: the program's own function
// stands in front of the C library's. Monotonic clocks are as they are.
#include <sys/syscall.h>
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
