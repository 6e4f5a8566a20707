// How a client is connected: plain to its own machine, by TLS to others, its token on every call.
//
// Takes a target and the options; gives a channel. Files of certificates are read here, once.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "clients/cpp/client.h"

namespace mixmatch::client {

// NOT_FOUND for a file that cannot be read; INVALID_ARGUMENT for a key without certificate or the
// other way round, and for a token that would cross a network readable.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& target,
                                                           const ClientOptions& options);

}  // namespace mixmatch::client
