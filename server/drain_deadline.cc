// Without destructors: they are what is being waited for.
#include "server/drain_deadline.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <string>

namespace mixmatch {

DrainDeadline::DrainDeadline(absl::Duration limit) {
  thread_ = std::thread([this, limit] {
    if (drained_.For(limit)) return;
    spdlog::warn("not drained after {}: ends now; what was acknowledged is stored",
                 absl::FormatDuration(limit));
    _exit(0);
  });
}

DrainDeadline::~DrainDeadline() {
  drained_.Stop();
  thread_.join();
}

}  // namespace mixmatch
