// Unary calls with retries, server streams with progress.
#include "clients/cpp/client.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "clients/cpp/channel_internal.h"
#include "clients/cpp/connection_internal.h"
#include "clients/cpp/retry_internal.h"
#include "clients/cpp/stream_internal.h"

namespace mixmatch::client {
Client::Client(std::shared_ptr<Connection> connection) : connection_(std::move(connection)) {}

absl::StatusOr<Client> Client::Connect(const std::string& target, const ClientOptions& options) {
  if (target.empty()) {
    return absl::InvalidArgumentError("target: it is empty; give HOST:PORT or unix:PATH");
  }
  if (options.timeout <= absl::ZeroDuration() || options.stream_timeout <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "timeout: it is ", absl::FormatDuration(options.timeout), "; above 0 is needed"));
  }
  if (options.attempts_max < 1 || options.backoff_initial <= absl::ZeroDuration() ||
      options.send_bytes_max < 1 || options.receive_bytes_max < 1) {
    return absl::InvalidArgumentError(
        "options: attempts, back-off and message sizes must be above 0; set them so");
  }
  auto channel = MakeChannel(target, options);
  if (!channel.ok()) return channel.status();
  return Client(std::make_shared<Connection>(target, options, *std::move(channel)));
}

absl::StatusOr<v1::IngestBatchResponse> Client::IngestBatch(
    const v1::IngestBatchRequest& request) const {
  return Retry<v1::IngestBatchResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::IngestBatchResponse* response) {
        return connection_->memory().IngestBatch(context, request, response);
      });
}

absl::StatusOr<v1::RecallResponse> Client::Recall(const v1::RecallRequest& request) const {
  return Retry<v1::RecallResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::RecallResponse* response) {
        return connection_->memory().Recall(context, request, response);
      });
}

absl::StatusOr<v1::GetEventResponse> Client::GetEvent(const v1::GetEventRequest& request) const {
  return Retry<v1::GetEventResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::GetEventResponse* response) {
        return connection_->memory().GetEvent(context, request, response);
      });
}

absl::StatusOr<v1::ListEventsResponse> Client::ListEvents(
    const v1::ListEventsRequest& request) const {
  return Retry<v1::ListEventsResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::ListEventsResponse* response) {
        return connection_->memory().ListEvents(context, request, response);
      });
}

absl::StatusOr<v1::GetEpisodeResponse> Client::GetEpisode(
    const v1::GetEpisodeRequest& request) const {
  return Retry<v1::GetEpisodeResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::GetEpisodeResponse* response) {
        return connection_->memory().GetEpisode(context, request, response);
      });
}

absl::StatusOr<v1::EmbedResponse> Client::Embed(const v1::EmbedRequest& request) const {
  return Retry<v1::EmbedResponse>(connection_->options(),
                                  [&](grpc::ClientContext* context, v1::EmbedResponse* response) {
                                    return connection_->memory().Embed(context, request, response);
                                  });
}

absl::StatusOr<v1::GetWatermarksResponse> Client::GetWatermarks() const {
  return Retry<v1::GetWatermarksResponse>(
      connection_->options(),
      [&](grpc::ClientContext* context, v1::GetWatermarksResponse* response) {
        return connection_->memory().GetWatermarks(context, {}, response);
      });
}

absl::StatusOr<v1::GetStatusResponse> Client::GetStatus() const {
  return Retry<v1::GetStatusResponse>(
      connection_->options(), [&](grpc::ClientContext* context, v1::GetStatusResponse* response) {
        return connection_->admin().GetStatus(context, {}, response);
      });
}

absl::Status Client::PauseLearning() const {
  return Retry<v1::PauseLearningResponse>(
             connection_->options(),
             [&](grpc::ClientContext* context, v1::PauseLearningResponse* response) {
               return connection_->admin().PauseLearning(context, {}, response);
             })
      .status();
}

absl::Status Client::ResumeLearning() const {
  return Retry<v1::ResumeLearningResponse>(
             connection_->options(),
             [&](grpc::ClientContext* context, v1::ResumeLearningResponse* response) {
               return connection_->admin().ResumeLearning(context, {}, response);
             })
      .status();
}

absl::StatusOr<v1::GetLearningReportResponse> Client::GetLearningReport() const {
  return Retry<v1::GetLearningReportResponse>(
      connection_->options(),
      [&](grpc::ClientContext* context, v1::GetLearningReportResponse* response) {
        return connection_->admin().GetLearningReport(context, {}, response);
      });
}

absl::StatusOr<v1::ListGenerationsResponse> Client::ListGenerations() const {
  return Retry<v1::ListGenerationsResponse>(
      connection_->options(),
      [&](grpc::ClientContext* context, v1::ListGenerationsResponse* response) {
        return connection_->admin().ListGenerations(context, {}, response);
      });
}

absl::StatusOr<v1::RollbackGenerationResponse> Client::RollbackGeneration() const {
  // One attempt: a second one would roll back twice when only the answer was lost.
  ClientOptions once = connection_->options();
  once.attempts_max = 1;
  return Retry<v1::RollbackGenerationResponse>(
      once, [&](grpc::ClientContext* context, v1::RollbackGenerationResponse* response) {
        return connection_->admin().RollbackGeneration(context, {}, response);
      });
}

absl::StatusOr<v1::ConsolidateResponse> Client::Consolidate(
    const v1::ConsolidateRequest& request, const ConsolidateProgress& progress) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->admin().Consolidate(&context, request);
  return ReadAll<v1::ConsolidateResponse>(&context, reader.get(), progress);
}

absl::StatusOr<v1::PublishGenerationResponse> Client::PublishGeneration(
    const PublishProgress& progress) const {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Now() + connection_->options().stream_timeout);
  auto reader = connection_->admin().PublishGeneration(&context, {});
  return ReadAll<v1::PublishGenerationResponse>(&context, reader.get(), progress);
}

absl::StatusOr<v1::ForgetResponse> Client::Forget(const v1::ForgetRequest& request) const {
  ClientOptions once = connection_->options();
  once.attempts_max = 1;
  return Retry<v1::ForgetResponse>(once,
                                   [&](grpc::ClientContext* context, v1::ForgetResponse* response) {
                                     return connection_->admin().Forget(context, request, response);
                                   });
}

}  // namespace mixmatch::client
