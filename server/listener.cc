// One builder for a whole daemon and for a damaged one.
#include "server/listener.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/access/credentials.h"
#include "server/access/gatekeeper.h"
#include "server/memory_guard.h"

namespace mixmatch {

absl::StatusOr<Listening> Listen(const Config& config, const Clock* clock, AuditLog* audit,
                                 const std::vector<grpc::Service*>& services,
                                 grpc::CallbackGenericService* rest) {
  MM_ASSIGN_OR_RETURN(const std::shared_ptr<Gatekeeper> gatekeeper,
                      Gatekeeper::Open(config.access.clients_file, clock, audit));
  MM_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ServerCredentials> credentials,
                      MakeServerCredentials(config, gatekeeper));
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<AuditInterceptorFactory>(audit));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(config.listen, credentials, &port);
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  builder.SetMaxReceiveMessageSize(static_cast<int>(config.limits.message_bytes));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             static_cast<int>(config.limits.streams));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  if (const uint64_t budget = MemoryBudget(config.limits.memory_bytes); budget > 0) {
    // Of what gRPC itself holds: requests on their way in, answers that nobody reads.
    grpc::ResourceQuota quota("mixmatchd");
    quota.Resize(std::max<uint64_t>(budget / 4, 64 << 20));
    builder.SetResourceQuota(quota);
  }
  for (grpc::Service* const service : services) builder.RegisterService(service);
  if (rest != nullptr) builder.RegisterCallbackGenericService(rest);
  Listening listening{.server = builder.BuildAndStart(), .address = config.listen};
  const bool unix_socket = absl::StartsWith(config.listen, "unix:");
  if (listening.server == nullptr || (!unix_socket && port == 0)) {
    return absl::UnavailableError(absl::StrCat("not listening on ", config.listen,
                                               ": in use or not an address; give another"));
  }
  if (!unix_socket) {
    listening.address = absl::StrCat(config.listen.substr(0, config.listen.rfind(':')), ":", port);
  }
  return listening;
}

}  // namespace mixmatch
