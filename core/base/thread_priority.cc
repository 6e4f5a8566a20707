// Nice values, which belong to one thread on Linux.
#include "core/base/thread_priority.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mixmatch {
namespace {

int NiceOf(ThreadPriority priority) {
  switch (priority) {
    case ThreadPriority::kNormal:
      return 0;
    case ThreadPriority::kBackground:
      return 10;
    case ThreadPriority::kLowest:
      return 19;
  }
  return 0;
}

}  // namespace

pid_t ThisThread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

bool SetThreadPriority(pid_t thread, ThreadPriority priority) {
  return setpriority(PRIO_PROCESS, static_cast<id_t>(thread), NiceOf(priority)) == 0;
}

}  // namespace mixmatch
