// Credentials, the channel's settings, and the token as an interceptor.
#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cpp/channel_internal.h"

namespace mixmatch::client {
namespace {

using grpc::experimental::ClientInterceptorFactoryInterface;

int Clamped(int64_t bytes) {
  return static_cast<int>(std::min<int64_t>(bytes, std::numeric_limits<int>::max()));
}

class TokenSender : public grpc::experimental::Interceptor {
 public:
  explicit TokenSender(const std::string& token) : token_(token) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            grpc::experimental::InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->emplace("authorization", absl::StrCat("Bearer ", token_));
    }
    methods->Proceed();
  }

 private:
  const std::string& token_;
};

// Lives as long as the channel, and so longer than its calls.
class TokenSenders : public ClientInterceptorFactoryInterface {
 public:
  explicit TokenSenders(std::string token) : token_(std::move(token)) {}

  grpc::experimental::Interceptor* CreateClientInterceptor(
      grpc::experimental::ClientRpcInfo* /*info*/) override {
    return new TokenSender(token_);
  }

 private:
  const std::string token_;
};

absl::StatusOr<std::string> ReadPem(const char* what, const std::string& path) {
  if (path.empty()) return std::string();
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(
        absl::StrCat(what, ": '", path, "' is not readable; give another file"));
  }
  return text.str();
}

bool IsLocal(const std::string& target) {
  if (absl::StartsWith(target, "unix:")) return true;
  const std::string host = target.substr(0, target.rfind(':'));
  return absl::StartsWith(host, "127.") || host == "[::1]" || host == "localhost";
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(const ClientTls& tls) {
  if (tls.certificate_file.empty() != tls.key_file.empty()) {
    return absl::InvalidArgumentError("TLS: certificate and key go together; give both or none");
  }
  grpc::SslCredentialsOptions options;
  const std::vector<std::pair<const std::string*, std::string*>> files = {
      {&tls.ca_file, &options.pem_root_certs},
      {&tls.certificate_file, &options.pem_cert_chain},
      {&tls.key_file, &options.pem_private_key}};
  for (const auto& [path, text] : files) {
    absl::StatusOr<std::string> read = ReadPem("TLS", *path);
    if (!read.ok()) return read.status();
    *text = *std::move(read);
  }
  return grpc::SslCredentials(options);
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(const std::string& target,
                                                           const ClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(Clamped(options.send_bytes_max));
  arguments.SetMaxReceiveMessageSize(Clamped(options.receive_bytes_max));
  // Come back soon after a daemon's restart instead of after gRPC's own two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // By its effect, how long one attempt may take: a busy daemon or a far one needs its time.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, options.own_connection ? 1 : 0);
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (options.tls) {
    auto tls = CredentialsOf(*options.tls);
    if (!tls.ok()) return tls.status();
    credentials = *std::move(tls);
  }
  std::vector<std::unique_ptr<ClientInterceptorFactoryInterface>> interceptors;
  if (!options.token.empty()) {
    if (!options.tls && !IsLocal(target)) {
      return absl::InvalidArgumentError(absl::StrCat("token: it would cross the network to ",
                                                     target, " readable; connect by TLS"));
    }
    interceptors.push_back(std::make_unique<TokenSenders>(options.token));
  }
  return grpc::experimental::CreateCustomChannelWithInterceptors(target, credentials, arguments,
                                                                 std::move(interceptors));
}

}  // namespace mixmatch::client
