// Who calls, as limits see him.
#pragma once

#include <grpcpp/server_context.h>

#include <cstdint>
#include <string>

namespace mixmatch {

struct Caller {
  // Events of one lane are taken in the order in which they came; lanes take turns.
  uint64_t lane = 0;
  // Whom a rate is for: the name that the gate found, or the host.
  std::string client;
};

// Of a stream: a lane of its own.
Caller CallerOfStream(const grpc::ServerContextBase& context);
// Of a call: the lane of its connection.
Caller CallerOfCall(const grpc::ServerContextBase& context);

}  // namespace mixmatch
