// The call that a thread works for, so that long work ends once nobody waits for it any more.
#pragma once

#include <functional>

#include "absl/status/status.h"

namespace mixmatch {

// While it lives, the thread that made it works for a call.
// Thread-safety: Belongs to the thread that made it.
class CurrentCall {
 public:
  // `cancelled` says whether the caller left or its deadline passed; cheap.
  explicit CurrentCall(std::function<bool()> cancelled);
  ~CurrentCall();
  CurrentCall(const CurrentCall&) = delete;
  CurrentCall& operator=(const CurrentCall&) = delete;

  // CANCELLED where the calling thread works for a call that nobody waits for. For loops that read
  // or compute much: to be asked now and then.
  static absl::Status Check();

 private:
  const std::function<bool()> cancelled_;
  CurrentCall* const before_;
};

}  // namespace mixmatch
