// Nice values and policies of Linux, which both belong to one thread there.
#include "core/base/thread_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace mixmatch {
namespace {

constexpr int kBackgroundNice = 10;

}  // namespace

pid_t ThisThread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

bool SetThreadPriority(pid_t thread, ThreadPriority priority) {
  if (priority == ThreadPriority::kBackground) {
    return setpriority(PRIO_PROCESS, static_cast<id_t>(thread), kBackgroundNice) == 0;
  }
  const sched_param none{};
  const int policy = priority == ThreadPriority::kIdle ? SCHED_IDLE : SCHED_OTHER;
  return sched_setscheduler(thread, policy, &none) == 0;
}

}  // namespace mixmatch
