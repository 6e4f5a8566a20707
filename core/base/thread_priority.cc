// Names, nice values and affinities, which belong to one thread on Linux.
#include "core/base/thread_priority.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

namespace mixmatch {
namespace {

int NiceOf(ThreadPriority priority) {
  switch (priority) {
    case ThreadPriority::kNormal:
      return 0;
    case ThreadPriority::kBehind:
      return 5;
    case ThreadPriority::kBackground:
      return 10;
    case ThreadPriority::kLow:
      return 15;
    case ThreadPriority::kLowest:
      return 19;
  }
  return 0;
}

}  // namespace

void NameThread(const std::string& name) {
  prctl(PR_SET_NAME, name.c_str(), 0, 0, 0);  // never fails: what is too long is cut
}

size_t UsableCores() {
  cpu_set_t cores;
  // Fails on machines with more than a thousand cores.
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) {
    return static_cast<size_t>(CPU_COUNT(&cores));
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

pid_t ThisThread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

bool IsBehind() {
  return getpriority(PRIO_PROCESS, static_cast<id_t>(ThisThread())) >
         getpriority(PRIO_PROCESS, static_cast<id_t>(getpid()));
}

bool SetThreadPriority(pid_t thread, ThreadPriority priority) {
  return setpriority(PRIO_PROCESS, static_cast<id_t>(thread), NiceOf(priority)) == 0;
}

}  // namespace mixmatch
