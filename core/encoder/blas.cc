// OpenBLAS is asked by name at run time: another BLAS may stand in its place.
#include "core/encoder/blas.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace mixmatch {
namespace {

constexpr char kVariable[] = "OPENBLAS_CORETYPE";

// The name of the kernels in use, such as "Haswell"; "" when the BLAS is not OpenBLAS.
std::string_view CoreName() {
  using GetCoreName = char* (*)();
  const auto get = reinterpret_cast<GetCoreName>(dlsym(RTLD_DEFAULT, "openblas_get_corename"));
  const char* name = get == nullptr ? nullptr : get();
  return name == nullptr ? std::string_view() : std::string_view(name);
}

}  // namespace

std::string BlasCoreTypeRemedy() {
#if defined(__x86_64__)
  // The kernels that OpenBLAS takes for x86-64 CPUs that it does not know.
  const std::string_view name = CoreName();
  if (name != "Prescott" && name != "Core2" && name != "Nehalem") return "";
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return "SkylakeX";
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return "";
}

void RestartForFastBlas(char** argv) {
  if (std::getenv(kVariable) != nullptr) return;
  const std::string remedy = BlasCoreTypeRemedy();
  if (remedy.empty() || setenv(kVariable, remedy.c_str(), 0) != 0) return;
  execv("/proc/self/exe", argv);
}

}  // namespace mixmatch
