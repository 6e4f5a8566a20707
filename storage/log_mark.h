// The event log against its high-water mark.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "storage/database_impl.h"
#include "storage/high_water_mark.h"

namespace mixmatch {

// Where the mark of a database lies: beside its directory.
std::string MarkPath(const Database::Impl& db);

// The mark of a log that ends at `seq`; nullopt when there is no such entry. Thread-safe.
std::optional<Mark> MarkOf(const Database::Impl& db, Seq seq);

// DATA_LOSS when a log that ends at `last_seq` ends before its mark, or has another entry there.
absl::Status CheckMark(const Database::Impl& db, Seq last_seq);

}  // namespace mixmatch
