// Lets calls in or refuses them, before a service sees them: by token or by certificate, and by the
// rule of the call.
//
// Takes a call's metadata and what its connection proved; gives OK, and whom the call is
// taken for (call_client.h), or the refusal. Every refusal is a line of the audit log.
#pragma once

#include <grpcpp/grpcpp.h>

#include <ctime>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "core/base/clock.h"
#include "server/access/audit.h"
#include "server/access/clients_file.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class Gatekeeper : public grpc::AuthMetadataProcessor {
 public:
  // Reads the file of clients; an empty path: everyone may do everything. Errors as
  // AccessClients::Read.
  static absl::StatusOr<std::shared_ptr<Gatekeeper>> Open(const std::string& clients_file,
                                                          const Clock* clock, AuditLog* audit);

  // Short enough for gRPC's own threads: one hash and two lookups.
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override;

  // What Process() asks, without gRPC. `authorization`: that header, or empty; `certificate`: the
  // names of the peer's verified certificate. UNAUTHENTICATED, PERMISSION_DENIED.
  absl::StatusOr<std::string> Admit(absl::string_view method, absl::string_view authorization,
                                    const std::vector<std::string>& certificate);

 private:
  // Of the file, as it was read: to see that it has changed.
  struct Version {
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    int64_t size = -1;
    uint64_t inode = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };

  Gatekeeper(std::string clients_file, const Clock* clock, AuditLog* audit)
      : path_(std::move(clients_file)), clock_(clock), audit_(audit) {}

  static Version VersionOf(const std::string& path);
  // What the file says now, read again at most once a second; a file that became bad is as it was.
  std::shared_ptr<const AccessClients> Clients();

  const std::string path_;
  const Clock* const clock_;
  AuditLog* const audit_;
  absl::Mutex mu_;
  std::shared_ptr<const AccessClients> clients_ ABSL_GUARDED_BY(mu_);
  Version version_ ABSL_GUARDED_BY(mu_);
  absl::Time looked_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace mixmatch
