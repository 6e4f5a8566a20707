// What is made from the log and lies beside it: episodes, generations, weights, skills, spaces.
#pragma once

#include <vector>

#include "storage/check/findings.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Adds to `report`. `events`: as CheckLog returns it.
void CheckDerived(const Database::Impl& db, const std::vector<bool>& events,
                  const FsckProgress& progress, FsckReport& report);

}  // namespace mixmatch
