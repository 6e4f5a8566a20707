// Names, nice values, turns and affinities, which belong to one thread on Linux.
#include "core/base/thread_priority.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <thread>

namespace mixmatch {
namespace {

int NiceOf(ThreadPriority priority) {
  switch (priority) {
    case ThreadPriority::kNormal:
      return 0;
    case ThreadPriority::kBehind:
      return 5;
    case ThreadPriority::kLow:
      return 15;
    case ThreadPriority::kLowest:
      return 19;
  }
  return 0;
}

// The shortest turn that the kernel gives.
constexpr uint64_t kShortTurnNs = 100'000;
constexpr uint64_t kSystemsTurn = 0;

// As the kernel's header has it, which glibc's does not.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = SCHED_OTHER;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;  // of SCHED_OTHER the length of a turn
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

void SetTurn(pid_t thread, uint64_t turn_ns) {
  // Who runs it may have given it another policy, which this would take away.
  if (sched_getscheduler(thread) != SCHED_OTHER) return;
  SchedulingAttributes attributes;
  attributes.nice = getpriority(PRIO_PROCESS, static_cast<id_t>(thread));
  attributes.runtime_ns = turn_ns;
  (void)syscall(SYS_sched_setattr, thread, &attributes, 0);
}

}  // namespace

void TakeShortTurns() { SetTurn(ThisThread(), kShortTurnNs); }

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
  const bool allowed = setpriority(PRIO_PROCESS, static_cast<id_t>(thread), NiceOf(priority)) == 0;
  if (priority != ThreadPriority::kNormal) SetTurn(thread, kSystemsTurn);
  return allowed;
}

}  // namespace mixmatch
