// The daemon: opens the store, wires every part to the others, serves, and drains.
//
// Owns every thread. Parts are made in the order of the data flow and end in the reverse order.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/config.h"

namespace mixmatch {

// Thread-safety: Not thread-safe: one owner thread.
class Daemon {
 public:
  // Opens the data directory, takes up where it ended, and starts to serve. Health says SERVING
  // from its return on. Errors as Database::Open; INVALID_ARGUMENT or UNAVAILABLE when it cannot
  // listen.
  // Where the memory would not open because it is damaged, it serves all the same: its status with
  // what is wrong, and snapshots, of which one may be restored; health says NOT_SERVING then.
  // A restore that was asked for happens first. `restart` asks the owner to drain this daemon and
  // to start another one; it is called on any thread, and must return at once.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(const Config& config,
                                                       std::function<void()> restart);
  ~Daemon();

  // Where it listens: "127.0.0.1:7077", "unix:/path".
  const std::string& address() const { return address_; }

  // Health says NOT_SERVING, streams end after their last result, calls in progress finish (up to
  // some seconds), the learner is checkpointed, everything is closed. Idempotent.
  void Drain();

 private:
  struct Parts;
  explicit Daemon(std::function<void()> restart);
  absl::Status Open(const Config& config);
  // Forgets what was asked for; whether something was, and EndForget() is to follow.
  absl::StatusOr<bool> Forget(const Config& config);
  void EndForget();
  absl::Status Listen(const Config& config);
  absl::Status ListenDamaged(const Config& config, const absl::Status& damage);

  const std::function<void()> restart_;
  std::unique_ptr<Parts> parts_;
  std::string address_;
};

}  // namespace mixmatch
