// What clears episodes, for this folder alone.
#pragma once

#include "absl/status/status.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Takes out everything that binding has written, its cursor with it, in one synced write: binding
// begins anew from the first entry of the log.
absl::Status ClearBinding(const Database::Impl& db);

}  // namespace mixmatch
