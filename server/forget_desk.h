// Forgetting on request: says what goes and what still holds traces; writes down what is to be
// forgotten and has the daemon start anew, which does it (storage/forgetting).
#pragma once

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "core/generations/generations.h"
#include "mixmatch/v1/admin.pb.h"
#include "server/snapshot_desk.h"
#include "storage/database.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class ForgetDesk {
 public:
  struct Parts {
    Database* database = nullptr;
    const EventLog* log = nullptr;
    const Generations* generations = nullptr;
    SnapshotDesk* copies = nullptr;
    const Clock* clock = nullptr;
    std::function<void()> restart;  // asks the process to drain and to start anew
  };
  explicit ForgetDesk(const Parts& parts) : parts_(parts) {}

  // INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED (too many at once); UNAVAILABLE or
  // FAILED_PRECONDITION where copies are to go and one does not: the others may be gone, and
  // nothing is forgotten before it is asked for again. Where the answer says that it restarts, that
  // happens after this returned.
  absl::StatusOr<v1::ForgetResponse> Forget(const v1::ForgetRequest& request);

 private:
  absl::StatusOr<std::vector<Seq>> Resolve(const v1::ForgetRequest& request) const;

  const Parts parts_;
  absl::Mutex mu_;  // one request is written down at a time
};

}  // namespace mixmatch
