// What mixmatchd does with a data directory on the command line and then ends: --fsck, --salvage,
// --rebuild, --export, --import.
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

// Brings over what verifies of DATA_DIR into the new data directory `to`, and prints what was lost
// as RunFsck prints what it found. Returns the exit status.
int RunSalvage(const std::string& data_dir, const std::string& to, bool json, std::ostream& out,
               std::ostream& err);

// Makes one part of DATA_DIR/db anew (storage/check/rebuild.h). Returns the exit status: 0, 2 for a
// part that there is not or a directory without a database, 1 when it failed.
int RunRebuild(const std::string& data_dir, const std::string& what, std::ostream& out,
               std::ostream& err);

// Writes everything in DATA_DIR into the new folder `to`, or the other way round
// (storage/exchange/exchange.h); `weights`: what was learned, too. Returns the exit status: 0, 2
// where there is nothing to read or no place to write, 1 when it failed.
int RunExport(const std::string& data_dir, const std::string& to, bool weights, std::ostream& out,
              std::ostream& err);
int RunImport(const std::string& data_dir, const std::string& from, bool weights, std::ostream& out,
              std::ostream& err);

}  // namespace mixmatch
