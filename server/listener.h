// The socket with everything that stands before and beside the services: credentials, the gate, the
// audit, limits of connections, health and reflection.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "server/access/audit.h"
#include "server/config.h"

namespace mixmatch {

struct Listening {
  std::unique_ptr<grpc::Server> server;
  std::string address;  // "127.0.0.1:7077", "unix:/path"
};

// Serves; borrows everything but the configuration. `rest` takes the calls that no service has; may
// be null. Errors as MakeServerCredentials and Gatekeeper::Open; UNAVAILABLE when the address is in
// use or none.
absl::StatusOr<Listening> Listen(const Config& config, const Clock* clock, AuditLog* audit,
                                 const std::vector<grpc::Service*>& services,
                                 grpc::CallbackGenericService* rest);

}  // namespace mixmatch
