// What a daemon answers whose memory would not open: its status, with what is wrong and what to do;
// to every other call, that same error.
#pragma once

#include <grpcpp/generic/async_generic_service.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace mixmatch {

// Stands where the services would stand; snapshots have their own still.
// Thread-safety: Safe for concurrent use.
class DamagedService final : public grpc::CallbackGenericService {
 public:
  // `damage`: DATA_LOSS with what is damaged and what to do.
  DamagedService(absl::Status damage, absl::Time start_time)
      : damage_(std::move(damage)), start_time_(start_time) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override;

 private:
  const absl::Status damage_;
  const absl::Time start_time_;
};

}  // namespace mixmatch
