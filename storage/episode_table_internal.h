// What clears episodes, for this folder alone.
#pragma once

#include "absl/status/status.h"
#include "storage/database_impl.h"

namespace mixmatch {

// Takes out everything that binding has written, its cursor with it, and the embeddings of episodes
// in all spaces, of which nobody may have one open; in one synced write. Binding begins anew from
// the first entry of the log, and what it closes is embedded again.
absl::Status ClearBinding(const Database::Impl& db);

}  // namespace mixmatch
