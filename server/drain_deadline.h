// Ends the process where draining takes too long: a thread of low priority may not get a processor
// on a machine that is busy with other things, and whoever stops a daemon kills it in the end.
#pragma once

#include <thread>

#include "absl/time/time.h"
#include "core/base/stoppable_sleep.h"

namespace mixmatch {

// While one lives, the process ends itself after `limit`, with status 0: everything acknowledged
// was on the disk before it was, and the next start goes on from there as after a kill.
class DrainDeadline {
 public:
  explicit DrainDeadline(absl::Duration limit);
  ~DrainDeadline();
  DrainDeadline(const DrainDeadline&) = delete;
  DrainDeadline& operator=(const DrainDeadline&) = delete;

 private:
  StoppableSleep drained_;
  std::thread thread_;
};

}  // namespace mixmatch
