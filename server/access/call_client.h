// Whom the gate took a call for, from the gate to whoever asks later.
//
// What a connection proved is one object of gRPC's that all calls of the connection share, and that
// can be added to and not taken from: it is read and added to under one lock, and has one name for
// each client that calls over it, not one for each call.
#pragma once

#include <grpcpp/grpcpp.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mixmatch {

// The first header "authorization" of a call; empty where it has none.
absl::string_view AuthorizationOf(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata);

// The names of the certificate that the handshake of a connection verified: its alternative names,
// then the common name. Thread-safe.
std::vector<std::string> CertificateNames(const grpc::AuthContext& connection);

// Keeps `client` as the one behind calls of a connection with that token, or behind those without
// one where the header is no token or empty. Only for what was verified: nothing is ever taken away
// again. Thread-safe.
void KeepClient(grpc::AuthContext& connection, absl::string_view authorization,
                const std::string& client);

// The client of a call that the gate let in; empty where there is none. Thread-safe.
std::string ClientOfCall(const grpc::ServerContextBase& call);

}  // namespace mixmatch
