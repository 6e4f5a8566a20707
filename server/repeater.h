// Something that is done again and again, until it is no longer wanted.
#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "core/base/stoppable_sleep.h"
#include "core/base/thread_priority.h"

namespace mixmatch {

// A thread that calls `what` every `interval`, the first time after one. Ends with the object.
class Repeater {
 public:
  Repeater(absl::Duration interval, std::function<void()> what)
      : interval_(interval), what_(std::move(what)), thread_([this] { Run(); }) {}
  ~Repeater() {
    pause_.Stop();
    thread_.join();
  }
  Repeater(const Repeater&) = delete;
  Repeater& operator=(const Repeater&) = delete;

 private:
  void Run() {
    NameThread("repeat");
    while (!pause_.For(interval_)) what_();
  }

  const absl::Duration interval_;
  const std::function<void()> what_;
  StoppableSleep pause_;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mixmatch
