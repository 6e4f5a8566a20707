// spdlog's rotating file, nlohmann's quoting.
#include "server/access/audit.h"

#include <grpcpp/grpcpp.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "server/access/call_client.h"
#include "server/access/rules.h"

namespace mixmatch {
namespace {

constexpr size_t kFileBytes = 16 << 20;
constexpr size_t kFiles = 8;

class Auditor : public grpc::experimental::Interceptor {
 public:
  Auditor(AuditLog* log, grpc::experimental::ServerRpcInfo* info) : log_(log), info_(info) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    using grpc::experimental::InterceptionHookPoints;
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::ServerContextBase* const context = info_->server_context();
      log_->Ended(info_->method(), ClientOfCall(*context), context->peer(),
                  static_cast<absl::StatusCode>(methods->GetSendStatus().error_code()));
    }
    methods->Proceed();
  }

 private:
  AuditLog* const log_;
  grpc::experimental::ServerRpcInfo* const info_;
};

std::string Text(absl::string_view text) { return {text.data(), text.size()}; }

// Text of a stranger may be any bytes.
std::string Line(const nlohmann::ordered_json& fields) {
  return fields.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& path,
                                                         const Clock* clock) {
  try {
    auto logger = std::make_shared<spdlog::logger>(
        "audit", std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, kFileBytes, kFiles));
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::info);
    return std::unique_ptr<AuditLog>(new AuditLog(std::move(logger), clock));
  } catch (const spdlog::spdlog_ex& e) {
    return absl::FailedPreconditionError(
        absl::StrCat("audit log not opened: ", e.what(), "; make it writable"));
  }
}

void AuditLog::Ended(absl::string_view method, absl::string_view client, absl::string_view peer,
                     absl::StatusCode code) {
  logger_->info(
      Line({{"time", absl::FormatTime(absl::RFC3339_full, clock_->Now(), absl::UTCTimeZone())},
            {"method", Text(method)},
            {"client", Text(client)},
            {"peer", Text(peer)},
            {"code", absl::StatusCodeToString(code)}}));
}

void AuditLog::Refused(absl::string_view method, const absl::Status& status) {
  logger_->info(
      Line({{"time", absl::FormatTime(absl::RFC3339_full, clock_->Now(), absl::UTCTimeZone())},
            {"method", Text(method)},
            {"code", absl::StatusCodeToString(status.code())},
            {"message", Text(status.message())}}));
}

void AuditLog::Retained(uint64_t events, uint64_t percepts, uint64_t bytes) {
  logger_->info(
      Line({{"time", absl::FormatTime(absl::RFC3339_full, clock_->Now(), absl::UTCTimeZone())},
            {"action", "retention"},
            {"events", events},
            {"percepts", percepts},
            {"bytes", bytes}}));
}

grpc::experimental::Interceptor* AuditInterceptorFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  const AccessRule* const rule = FindAccessRule(info->method());
  return rule != nullptr && rule->audited ? new Auditor(log_, info) : nullptr;
}

}  // namespace mixmatch
