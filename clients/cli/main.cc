// mixmatchctl: the command line of Mix-Match.
#include <unistd.h>

#include <iostream>

#include "absl/synchronization/mutex.h"
#include "clients/cli/app.h"

int main(int argc, char** argv) {
  // Debian builds Abseil so that every lock looks for deadlocks, under a lock that all share.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const bool err_is_terminal = isatty(STDERR_FILENO) == 1;
  return mixmatch::cli::RunCommandLine(argc, argv, {std::cout, std::cerr, err_is_terminal});
}
