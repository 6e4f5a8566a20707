// The pieces that are measured beside what they stand in for, or stand on. Names are
// "what/variant" or "what/size/variant"; the variant "ours" is compared with every other one.
#pragma once

#include <string>

namespace mixmatch {

// Kernels and exact search beside FAISS' own.
void RegisterKernels();

// The event log beside RocksDB alone, in folders under `dir`.
void RegisterLog(const std::string& dir);

}  // namespace mixmatch
