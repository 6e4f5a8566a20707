// mixmatchd --fsck: a look at a data directory, printed.
#pragma once

#include <ostream>
#include <string>

namespace mixmatch {

// What it exits with, beside what Fsck cannot do at all: 2.
inline constexpr int kFsckWhole = 0;
inline constexpr int kFsckFindings = 3;

// Checks DATA_DIR/db, and prints what was found to `out`, as text or as JSON; progress goes to
// `err`. Returns the exit status.
int RunFsck(const std::string& data_dir, bool json, std::ostream& out, std::ostream& err);

}  // namespace mixmatch
