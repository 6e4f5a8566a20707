// What is deleted or written over lies in tables and blob files until these are written anew, and
// in the write-ahead log until everything in it is in tables.
#pragma once

#include <atomic>

#include "absl/status/status.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Brings everything in the write-ahead log into tables.
absl::Status FlushAll(const Database::Impl& db);

// Writes the tables and blob files of a family that hold keys of [begin, end] anew (null: from the
// first, to the last), down to the bottom; of its blob files the oldest, `share` of them (0 to 1).
// Blocks; CANCELLED soon after `*stop` becomes true, which
// may be null. DATA_LOSS names the file that is damaged: some of the family is as it was then;
// everything else can be written, and written anew, as before.
absl::Status RewriteFamily(const Database::Impl& db, rocksdb::ColumnFamilyHandle* family,
                           const rocksdb::Slice* begin, const rocksdb::Slice* end,
                           std::atomic<bool>* stop, double share = 1);

}  // namespace mixmatch
