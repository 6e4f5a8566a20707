// What the daemon proves of itself and asks of a connection: TLS, or that it comes from this
// machine.
//
// Takes the configuration; gives gRPC's credentials, or says why the daemon must not listen so.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/config.h"

namespace mixmatch {

// Whether only this machine can connect: a unix socket, 127.0.0.0/8, ::1, localhost.
bool IsLocalAddress(const std::string& listen);

// FAILED_PRECONDITION for an address that others reach, without both TLS and a file of clients and
// without access.insecure; INVALID_ARGUMENT for keys that do not go together, and for certificates
// that cannot be read or are not the key's. Certificates are read again when their files change.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const Config& config, const std::shared_ptr<grpc::AuthMetadataProcessor>& gatekeeper);

}  // namespace mixmatch
