// The audit log: one line of JSON for every call of an admin that changed something or
// failed to, for every call that was refused at the gate, and for payloads that retention dropped.
//
// Takes what happened; writes it to a file that is rotated (DATA_DIR/audit.log, 16 MiB, eight of
// them). It never holds a token or anything that a call carried.
#pragma once

#include <grpcpp/support/server_interceptor.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/clock.h"

namespace spdlog {
class logger;
}

namespace mixmatch {

// Thread-safety: Safe for concurrent use.
class AuditLog {
 public:
  // FAILED_PRECONDITION when the file cannot be written.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const std::string& path,
                                                        const Clock* clock);

  void Ended(absl::string_view method, absl::string_view client, absl::string_view peer,
             absl::StatusCode code);
  void Refused(absl::string_view method, const absl::Status& status);
  void Retained(uint64_t events, uint64_t percepts, uint64_t bytes);

 private:
  AuditLog(std::shared_ptr<spdlog::logger> logger, const Clock* clock)
      : logger_(std::move(logger)), clock_(clock) {}

  const std::shared_ptr<spdlog::logger> logger_;
  const Clock* const clock_;
};

// Writes the end of every call whose rule says so.
class AuditInterceptorFactory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // Lifetime: the log outlives every call.
  explicit AuditInterceptorFactory(AuditLog* log) : log_(log) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  AuditLog* const log_;
};

}  // namespace mixmatch
