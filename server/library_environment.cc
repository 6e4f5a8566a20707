// Most of it is done before the libraries begin: LibTorch's beginning takes 0.7 s, and who does it
// in main starts over after that.
#include "server/library_environment.h"

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/encoder/blas.h"

namespace mixmatch {
namespace {

// Idle compute threads must sleep, not spin, since others need the cores.
constexpr const char* kWaitPolicy = "OMP_WAIT_POLICY";
constexpr const char* kPassive = "passive";
// The widest vectors are not LibTorch's default.
constexpr const char* kCapability = "ATEN_CPU_CAPABILITY";
constexpr const char* kWidest = "avx512";
// An OpenBLAS older than the CPU falls back to slow kernels.
constexpr const char* kCoreType = "OPENBLAS_CORETYPE";

bool HasWidest() {
#if defined(__x86_64__)
  __builtin_cpu_init();  // before main nobody else did
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
#else
  return false;
#endif
}

// Sets a variable that is not set yet; returns whether it did.
bool SetDefault(const char* name, const std::string& value) {
  return !value.empty() && std::getenv(name) == nullptr && setenv(name, value.c_str(), 0) == 0;
}

// A sanitizer's own beginning must come first, and a libc may not know `.preinit_array`: main does
// it then.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

bool Sets(const char* entry, const char* name) {
  while (*name != '\0' && *entry == *name) {
    ++entry;
    ++name;
  }
  return *name == '\0' && *entry == '=';
}

bool IsSet(char** environment, const char* name) {
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (Sets(*entry, name)) return true;
  }
  return false;
}

// Runs before any library's constructors, libc's among them: without memory of its own, and with
// no function of theirs but a system call.
void StartOverWithEnvironment(int /*argc*/, char** argv, char** environment) {
  static std::array<char*, 4096> variables;
  static std::array<char, 32> policy = {"OMP_WAIT_POLICY=passive"};
  static std::array<char, 32> capability = {"ATEN_CPU_CAPABILITY=avx512"};
  size_t count = 0;
  if (!IsSet(environment, kWaitPolicy)) variables[count++] = policy.data();
  if (!IsSet(environment, kCapability) && HasWidest()) variables[count++] = capability.data();
  if (count == 0) return;
  for (char** entry = environment; *entry != nullptr; ++entry) {
    if (count + 1 == variables.size()) return;  // the last one stays null
    variables[count++] = *entry;
  }
  execve("/proc/self/exe", argv, variables.data());
}

[[gnu::section(".preinit_array"),
  gnu::used]] void (*const kStartOver)(int, char**, char**) = StartOverWithEnvironment;

#endif

}  // namespace

void SetLibraryEnvironment(char** argv) {
  bool changed = SetDefault(kWaitPolicy, kPassive);
  changed = SetDefault(kCoreType, BlasCoreTypeRemedy()) || changed;
  changed = SetDefault(kCapability, HasWidest() ? kWidest : "") || changed;
  if (!changed) return;
  execv("/proc/self/exe", argv);
  std::perror("mixmatchd: starting over with the libraries' environment failed");
}

}  // namespace mixmatch
