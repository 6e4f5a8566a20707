// mixmatchd.
#include "server/program.h"

int main(int argc, char** argv) { return mixmatch::RunDaemonProgram(argc, argv); }
