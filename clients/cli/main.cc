// mixmatchctl: the command line of Mix-Match.
#include <unistd.h>

#include <iostream>

#include "clients/cli/app.h"

int main(int argc, char** argv) {
  const bool err_is_terminal = isatty(STDERR_FILENO) == 1;
  return mixmatch::cli::RunCommandLine(argc, argv, {std::cout, std::cerr, err_is_terminal});
}
