// Who calls, may they, and the file that says so.
#include "server/access/gatekeeper.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "server/access/call_client.h"
#include "server/convert.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(1);
constexpr char kAnyone[] = "anyone";

absl::string_view View(grpc::string_ref text) { return {text.data(), text.size()}; }

absl::string_view Find(const grpc::AuthMetadataProcessor::InputMetadata& metadata,
                       const char* key) {
  const auto it = metadata.find(key);
  return it == metadata.end() ? absl::string_view() : View(it->second);
}

}  // namespace

Gatekeeper::Version Gatekeeper::VersionOf(const std::string& path) {
  struct stat facts = {};
  if (stat(path.c_str(), &facts) != 0) return {};
  return {.seconds = facts.st_mtim.tv_sec,
          .nanoseconds = facts.st_mtim.tv_nsec,
          .size = facts.st_size,
          .inode = facts.st_ino};
}

absl::StatusOr<std::shared_ptr<Gatekeeper>> Gatekeeper::Open(const std::string& clients_file,
                                                             const Clock* clock, AuditLog* audit) {
  std::shared_ptr<Gatekeeper> keeper(new Gatekeeper(clients_file, clock, audit));
  if (clients_file.empty()) return keeper;
  const absl::MutexLock lock(&keeper->mu_);
  keeper->version_ = VersionOf(clients_file);
  MM_ASSIGN_OR_RETURN(AccessClients clients, AccessClients::Read(clients_file));
  keeper->clients_ = std::make_shared<const AccessClients>(std::move(clients));
  return keeper;
}

std::shared_ptr<const AccessClients> Gatekeeper::Clients() {
  const absl::Time now = clock_->Now();
  const absl::MutexLock lock(&mu_);
  // A clock that was set back must not keep it from looking.
  if (now >= looked_ && now < looked_ + kLookEvery) return clients_;
  looked_ = now;
  const Version version = VersionOf(path_);
  if (version == version_) return clients_;
  version_ = version;
  auto clients = AccessClients::Read(path_);
  if (!clients.ok()) {
    spdlog::error("{}; the clients stay as they were", std::string(clients.status().message()));
    return clients_;
  }
  spdlog::info("file of clients read again: {} clients", clients->size());
  clients_ = std::make_shared<const AccessClients>(*std::move(clients));
  return clients_;
}

absl::StatusOr<std::string> Gatekeeper::Admit(absl::string_view method,
                                              absl::string_view authorization,
                                              const std::vector<std::string>& certificate) {
  if (path_.empty()) return certificate.empty() ? kAnyone : certificate.front();
  const AccessRule* const rule = FindAccessRule(method);
  if (rule != nullptr && rule->open) return kAnyone;
  const std::shared_ptr<const AccessClients> clients = Clients();
  const AccessClient* client = nullptr;
  if (absl::StartsWithIgnoreCase(authorization, "bearer ")) {
    authorization.remove_prefix(7);
    client = clients->ByToken(authorization);
    if (client == nullptr) return absl::UnauthenticatedError("call refused: no such token");
  } else {
    client = clients->ByCertificate(certificate);
    if (client == nullptr) {
      return absl::UnauthenticatedError(
          certificate.empty()
              ? "call refused: no token; send the header 'authorization: Bearer TOKEN'"
              : "call refused: the certificate's names are no client's");
    }
  }
  if (clock_->Now() >= client->expires) {
    return absl::UnauthenticatedError(absl::StrCat("call refused: client '", client->name,
                                                   "' expired ", absl::FormatTime(client->expires),
                                                   "; ask for a new token"));
  }
  if (rule == nullptr || (rule->any_of & client->roles) == 0) {
    return absl::PermissionDeniedError(absl::StrCat(
        "call refused: client '", client->name, "' has the roles ", RoleNames(client->roles), ", ",
        method, rule == nullptr ? " is for nobody" : " needs one of ",
        rule == nullptr ? "" : RoleNames(rule->any_of)));
  }
  return client->name;
}

grpc::Status Gatekeeper::Process(const InputMetadata& metadata, grpc::AuthContext* context,
                                 OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) {
  const absl::string_view method = Find(metadata, ":path");
  const absl::string_view authorization = AuthorizationOf(metadata);
  const auto client = Admit(method, authorization, CertificateNames(*context));
  if (!client.ok()) {
    audit_->Refused(method, client.status());
    return ToGrpc(client.status());
  }
  // Whoever asks for what is open, or where all is, has proved nothing by a header.
  const AccessRule* const rule = FindAccessRule(method);
  if (rule != nullptr && rule->open) return grpc::Status::OK;
  KeepClient(*context, path_.empty() ? absl::string_view() : authorization, *client);
  return grpc::Status::OK;
}

}  // namespace mixmatch
