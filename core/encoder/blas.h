// The matrix-product library (BLAS) under torch, and what to do where it misjudges the CPU.
#pragma once

#include <string>

namespace mixmatch {

// The value that the environment variable OPENBLAS_CORETYPE should have, or "" when things are
// right as they are. An OpenBLAS that is older than the CPU does not know its model number and
// falls back to kernels without AVX: an eighth of the speed, and no message. It reads the variable
// when it is loaded, so a program that wants it must be started again. Thread-safe.
std::string BlasCoreTypeRemedy();

// Starts this program again with the remedy, when there is one and the variable is not set: to be
// called first in main, before threads and files. Returns when nothing is to be done, or when it
// cannot be done (the speed is then what it is).
void RestartForFastBlas(char** argv);

}  // namespace mixmatch
