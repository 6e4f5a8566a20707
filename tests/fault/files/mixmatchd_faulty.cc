// mixmatchd over files that fail and a wall clock that jumps, as the environment variable
// MIXMATCH_FAULTS says (fault_plan.h). For the fault tests alone; never installed.
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "server/program.h"
#include "storage/file_system.h"
#include "tests/fault/files/fault_files.h"

int main(int argc, char** argv) {
  // As the daemon will: threads that begin before it does must not take its signals either.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) sigaddset(&signals, number);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const char* const text = std::getenv("MIXMATCH_FAULTS");
  const auto plan = mixmatch::fault::ParseFaultPlan(text == nullptr ? "" : text);
  if (!plan.ok()) {
    std::fprintf(stderr, "mixmatchd_faulty: %s\n", plan.status().ToString().c_str());
    return 2;
  }
  // They outlive everything that reads or writes, the last threads of RocksDB among it.
  static mixmatch::fault::Switches switches(plan->folder);
  static mixmatch::fault::Disk disk(*plan, &switches);
  mixmatch::UseFileSystem(mixmatch::fault::MakeFaultFiles(&disk, &switches));
  return mixmatch::RunDaemonProgram(argc, argv);
}
