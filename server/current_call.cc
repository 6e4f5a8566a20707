// One pointer a thread.
#include "server/current_call.h"

#include <utility>

namespace mixmatch {
namespace {

thread_local CurrentCall* current = nullptr;

}  // namespace

CurrentCall::CurrentCall(std::function<bool()> cancelled)
    : cancelled_(std::move(cancelled)), before_(current) {
  current = this;
}

CurrentCall::~CurrentCall() { current = before_; }

absl::Status CurrentCall::Check() {
  if (current == nullptr || !current->cancelled_()) return absl::OkStatus();
  return absl::CancelledError("call ended: its client left, or its deadline passed");
}

}  // namespace mixmatch
