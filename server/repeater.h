// Something that is done again and again, until it is no longer wanted.
#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/thread_priority.h"

namespace mixmatch {

// A thread that calls `what` every `interval`, the first time after one. Ends with the object.
class Repeater {
 public:
  Repeater(absl::Duration interval, std::function<void()> what)
      : interval_(interval), what_(std::move(what)), thread_([this] { Run(); }) {}
  ~Repeater() {
    {
      const absl::MutexLock lock(&mu_);
      stop_ = true;
    }
    thread_.join();
  }
  Repeater(const Repeater&) = delete;
  Repeater& operator=(const Repeater&) = delete;

 private:
  void Run() {
    NameThread("repeat");
    while (true) {
      {
        const absl::MutexLock lock(&mu_);
        if (mu_.AwaitWithTimeout(absl::Condition(&stop_), interval_)) return;
      }
      what_();
    }
  }

  const absl::Duration interval_;
  const std::function<void()> what_;
  absl::Mutex mu_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mixmatch
