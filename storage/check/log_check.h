// The ground state: the log, and everything that belongs to its events.
#pragma once

#include <vector>

#include "storage/check/findings.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Adds to `report`. Returns, for each sequence number up to the last, whether an event has it.
std::vector<bool> CheckLog(const Database::Impl& db, const FsckProgress& progress,
                           FsckReport& report);

}  // namespace mixmatch
