// Three kinds of listening: by TLS, local, and open because somebody said so.
#include "server/access/credentials.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <spdlog/spdlog.h>

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr unsigned kLookEverySeconds = 5;

template <typename T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

// What `read` makes of a PEM file.
template <typename T>
absl::StatusOr<Owned<T>> ReadPem(const char* key, const std::string& path,
                                 T* (*read)(FILE*, T**, pem_password_cb*, void*),
                                 void (*release)(T*)) {
  const std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  Owned<T> found(file == nullptr ? nullptr : read(file.get(), nullptr, nullptr, nullptr), release);
  if (found == nullptr) {
    return InvalidField(key, absl::StrCat("config refused: ", key, " is '", path,
                                          "', which is not readable as PEM; give another file"));
  }
  return found;
}

absl::Status CheckCertificates(const Config::Access& access) {
  MM_ASSIGN_OR_RETURN(const auto certificate,
                      ReadPem<X509>("access.certificate_file", access.certificate_file,
                                    &PEM_read_X509, &X509_free));
  MM_ASSIGN_OR_RETURN(const auto key, ReadPem<EVP_PKEY>("access.key_file", access.key_file,
                                                        &PEM_read_PrivateKey, &EVP_PKEY_free));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return InvalidField("access.key_file",
                        "config refused: access.key_file is not the key of "
                        "access.certificate_file; give the two that belong together");
  }
  if (access.client_ca_file.empty()) return absl::OkStatus();
  return ReadPem<X509>("access.client_ca_file", access.client_ca_file, &PEM_read_X509, &X509_free)
      .status();
}

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const Config::Access& access) {
  using grpc::experimental::FileWatcherCertificateProvider;
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<FileWatcherCertificateProvider>(access.key_file, access.certificate_file,
                                                       access.client_ca_file, kLookEverySeconds));
  options.watch_identity_key_cert_pairs();
  if (!access.client_ca_file.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

bool IsLocalAddress(const std::string& listen) {
  if (absl::StartsWith(listen, "unix:")) return true;
  const std::string host = listen.substr(0, listen.rfind(':'));
  return absl::StartsWith(host, "127.") || host == "[::1]" || host == "localhost";
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const Config& config, const std::shared_ptr<grpc::AuthMetadataProcessor>& gatekeeper) {
  const Config::Access& access = config.access;
  const bool tls = !access.certificate_file.empty();
  const bool local = IsLocalAddress(config.listen);
  if (tls != !access.key_file.empty() || (!tls && !access.client_ca_file.empty())) {
    return InvalidField("access",
                        "config refused: access.certificate_file and access.key_file go together, "
                        "and access.client_ca_file with both");
  }
  if (!local && !access.insecure && (!tls || access.clients_file.empty())) {
    return absl::FailedPreconditionError(
        absl::StrCat("not listening on ", config.listen,
                     ": others reach it; give access.certificate_file, access.key_file and "
                     "access.clients_file, or listen on 127.0.0.1, or say access.insecure: true"));
  }
  if (!local && !tls && !access.clients_file.empty()) {
    return InvalidField("access.clients_file",
                        "config refused: without TLS tokens would cross the network readable; give "
                        "access.certificate_file and access.key_file");
  }
  if (!local && access.insecure) {
    spdlog::warn("access.insecure: whoever reaches {} may {}", config.listen,
                 access.clients_file.empty() ? "read, write and administer" : "try tokens");
  }
  if (!tls && !local) return grpc::InsecureServerCredentials();
  if (tls) MM_RETURN_IF_ERROR(CheckCertificates(access));
  const std::shared_ptr<grpc::ServerCredentials> credentials =
      tls ? TlsCredentials(access)
          : grpc::experimental::LocalServerCredentials(
                absl::StartsWith(config.listen, "unix:") ? UDS : LOCAL_TCP);
  credentials->SetAuthMetadataProcessor(gatekeeper);
  return credentials;
}

}  // namespace mixmatch
