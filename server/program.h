// The program mixmatchd: flags, configuration, signals.
#pragma once

namespace mixmatch {

// What main does. Returns the exit status: 0 ended as asked, 1 it could not run, 2 wrong flags or
// configuration; --fsck and --rebuild have their own. To be called once, before any thread is made.
int RunDaemonProgram(int argc, char** argv);

}  // namespace mixmatch
