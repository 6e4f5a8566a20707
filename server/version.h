// The version of this build, from the project's CMakeLists.txt.
#pragma once

namespace mixmatch {

inline constexpr char kVersion[] = MIXMATCH_VERSION;

}  // namespace mixmatch
