// Lanes by stream and by connection; names by the gate.
#include "server/caller.h"

#include <atomic>
#include <functional>

#include "server/access/call_client.h"

namespace mixmatch {
namespace {

// "ipv4:127.0.0.1:4711" → "ipv4:127.0.0.1"; others have no port.
std::string HostOf(const std::string& peer) {
  const bool has_port = peer.starts_with("ipv4:") || peer.starts_with("ipv6:");
  return has_port ? peer.substr(0, peer.rfind(':')) : peer;
}

std::string ClientOf(const grpc::ServerContextBase& context) {
  std::string client = ClientOfCall(context);
  return client.empty() ? HostOf(context.peer()) : client;
}

constexpr uint64_t kStreams = uint64_t{1} << 63;  // lanes of streams are above, of calls below

}  // namespace

Caller CallerOfStream(const grpc::ServerContextBase& context) {
  static std::atomic<uint64_t> last = 0;
  return {.lane = kStreams | ++last, .client = ClientOf(context)};
}

Caller CallerOfCall(const grpc::ServerContextBase& context) {
  const uint64_t lane = std::hash<std::string>()(context.peer()) & ~kStreams;
  return {.lane = lane, .client = ClientOf(context)};
}

}  // namespace mixmatch
