// The file CURRENT, by which RocksDB finds everything else: the MANIFEST that a database goes by.
//
// Without it RocksDB takes a folder for an empty one, makes a new database there, and deletes the
// tables of the one before. So it is looked at before RocksDB is called. For this folder alone.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace mixmatch {

// DATA_LOSS where the database in `path` has no CURRENT, or an empty one, though its files or its
// mark say that there was one; or where CURRENT is that of a database without anything in it, made
// anew beside the tables of another. Nothing is written.
absl::Status CheckCurrent(const std::string& path);

// Has CURRENT of a copy name the MANIFEST to salvage by: the one that it names, or else the newest;
// but an older one where these know no table that is there, and it does: they were written over
// what was there before. DATA_LOSS where there is no MANIFEST.
absl::Status MendCurrent(const std::string& folder);

}  // namespace mixmatch
