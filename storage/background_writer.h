// Writes for threads that work behind the rest of the program.
//
// RocksDB lets one thread write for all that wait. One of low priority that is set aside in the
// middle of it holds up everybody, acknowledgements among them, and without a privilege no thread
// may raise itself for that time. So such threads have their writes done by one that is not behind,
// and whatever else keeps all writes waiting.
#pragma once

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class BackgroundWriter {
 public:
  // Its thread has this name and the priority of this one.
  explicit BackgroundWriter(std::string name)
      : name_(std::move(name)), thread_([this] { Run(); }) {}
  // Requires that no call runs.
  ~BackgroundWriter();
  BackgroundWriter(const BackgroundWriter&) = delete;
  BackgroundWriter& operator=(const BackgroundWriter&) = delete;

  // Runs `write` on the thread, and returns when it is done; calls take turns.
  void Do(const std::function<void()>& write);

 private:
  void Run();
  bool HasNews() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return write_ != nullptr || ending_; }
  bool IsIdle() const ABSL_SHARED_LOCKS_REQUIRED(mu_) { return write_ == nullptr; }

  const std::string name_;
  absl::Mutex turn_;  // held across a call
  absl::Mutex mu_;
  const std::function<void()>* write_ ABSL_GUARDED_BY(mu_) = nullptr;  // until it is done
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace mixmatch
