// The command line as a whole.
//
// Takes arguments; gives an exit code. main() is this and nothing else, so that tests run commands
// in their own process.
#pragma once

#include "clients/cli/session.h"

namespace mixmatch::cli {

// Parses, runs the command, prints. Returns an ExitCode.
int RunCommandLine(int argc, const char* const* argv, const Streams& streams);

}  // namespace mixmatch::cli
