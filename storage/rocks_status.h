// RocksDB's errors in our words.
#pragma once

#include <rocksdb/status.h>

#include <string_view>

#include "absl/status/status.h"

namespace mixmatch {

// OK for OK. Otherwise "<what>: <RocksDB's words>; <what to do>", by what the caller should do
// next: NOT_FOUND, DATA_LOSS (corruption), RESOURCE_EXHAUSTED (disk full), UNAVAILABLE (busy or
// shutting down), INTERNAL. `what` says what failed, such as "event not stored".
absl::Status FromRocks(const rocksdb::Status& status, std::string_view what);

}  // namespace mixmatch
