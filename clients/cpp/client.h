// A client of one daemon: every call of mixmatch.v1 as a C++ method.
//
// Takes requests from the program, gives them to the daemon over gRPC with a deadline, and tries
// again what the daemon says is worth trying again. Streams of events are the business of
// clients/cpp/ingester.h. It deliberately caches nothing and reads no files.
//
//   auto client = mixmatch::client::Client::Connect("127.0.0.1:7077", {});
//   mixmatch::v1::RecallRequest request;
//   request.mutable_query()->mutable_percepts()->add_percepts()->mutable_text()->set_text("three");
//   request.add_modalities("image");
//   absl::StatusOr<mixmatch::v1::RecallResponse> found = client->Recall(request);
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "mixmatch/v1/admin.pb.h"
#include "mixmatch/v1/graph.pb.h"
#include "mixmatch/v1/memory.pb.h"
#include "mixmatch/v1/skills.pb.h"
#include "mixmatch/v1/snapshots.pb.h"

namespace mixmatch::client {

class Connection;

// Files of PEM; empty: none.
struct ClientTls {
  std::string ca_file;           // who vouches for the daemon; empty: the system's authorities
  std::string certificate_file;  // what the client shows, where the daemon asks for it
  std::string key_file;
};

struct ClientOptions {
  // Sent with every call. Empty: none. Only over TLS or to this machine.
  std::string token;
  // Not set: no TLS.
  std::optional<ClientTls> tls;
  // Time for one unary call, its retries included. Above 0; infinite is allowed.
  absl::Duration timeout = absl::Seconds(30);
  // Time for a whole server stream (Consolidate, PublishGeneration).
  absl::Duration stream_timeout = absl::InfiniteDuration();
  // Attempts of one unary call, the first included, where no daemon answers. At least 1, which also
  // takes a refusal as it is; otherwise refusals that name a delay are tried again until `timeout`.
  int attempts_max = 5;
  // Wait before the second attempt; doubled before each further one up to `backoff_max`, less up to
  // a quarter by chance. A `retry-delay-ms` of the daemon's that is longer takes its place.
  absl::Duration backoff_initial = absl::Milliseconds(100);
  absl::Duration backoff_max = absl::Seconds(5);
  // A connection of its own, not one shared with this program's other clients of the same daemon.
  bool own_connection = false;
  // Largest message to send and to receive.
  int64_t send_bytes_max = int64_t{64} << 20;
  int64_t receive_bytes_max = int64_t{256} << 20;
};

// Lifetime: what a Client started must have returned before it is destroyed; an Ingester keeps the
// connection alive by itself.
//
// Errors of every call, beside those that the protos name: DEADLINE_EXCEEDED after the timeout;
// UNAVAILABLE when no daemon answers. Unary calls are tried again on UNAVAILABLE, and on
// RESOURCE_EXHAUSTED when the daemon names a delay; server streams are never tried again, since
// they may have begun to work. Every call blocks until it is answered.
//
// Thread-safety: Safe for concurrent use.
class Client {
 public:
  // Prepares a connection to `target`: "HOST:PORT", "unix:PATH" or any other gRPC name. The
  // connection itself is made at the first call. INVALID_ARGUMENT for an empty target, options out
  // of range, and a token that would cross a network readable; NOT_FOUND for a file of `tls`.
  static absl::StatusOr<Client> Connect(const std::string& target, const ClientOptions& options);

  absl::StatusOr<v1::IngestBatchResponse> IngestBatch(const v1::IngestBatchRequest& request) const;
  absl::StatusOr<v1::RecallResponse> Recall(const v1::RecallRequest& request) const;
  absl::StatusOr<v1::GetEventResponse> GetEvent(const v1::GetEventRequest& request) const;
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request) const;
  absl::StatusOr<v1::GetEpisodeResponse> GetEpisode(const v1::GetEpisodeRequest& request) const;
  absl::StatusOr<v1::EmbedResponse> Embed(const v1::EmbedRequest& request) const;
  absl::StatusOr<v1::GetWatermarksResponse> GetWatermarks() const;

  // Whether the daemon's health service says SERVING; any daemon answers it, whatever the token.
  absl::StatusOr<bool> IsServing() const;

  absl::StatusOr<v1::GetStatusResponse> GetStatus() const;
  absl::Status PauseLearning() const;
  absl::Status ResumeLearning() const;
  absl::StatusOr<v1::GetLearningReportResponse> GetLearningReport() const;
  absl::StatusOr<v1::ListGenerationsResponse> ListGenerations() const;
  absl::StatusOr<v1::RollbackGenerationResponse> RollbackGeneration() const;
  // One attempt: a second one would not find what the first one forgot.
  absl::StatusOr<v1::ForgetResponse> Forget(const v1::ForgetRequest& request) const;

  // A second attempt of DeleteSkill after a lost answer may find nothing to delete: NOT_FOUND.
  absl::StatusOr<v1::CreateSkillResponse> CreateSkill(const v1::CreateSkillRequest& request) const;
  absl::StatusOr<v1::GetSkillResponse> GetSkill(const v1::GetSkillRequest& request) const;
  absl::StatusOr<v1::ListSkillsResponse> ListSkills(const v1::ListSkillsRequest& request) const;
  absl::StatusOr<v1::DeleteSkillResponse> DeleteSkill(const v1::DeleteSkillRequest& request) const;
  absl::StatusOr<v1::TeachResponse> Teach(const v1::TeachRequest& request) const;
  absl::StatusOr<v1::UnteachResponse> Unteach(const v1::UnteachRequest& request) const;
  absl::StatusOr<v1::PredictResponse> Predict(const v1::PredictRequest& request) const;
  absl::StatusOr<v1::EvaluateResponse> Evaluate(const v1::EvaluateRequest& request) const;

  absl::StatusOr<v1::ListConceptsResponse> ListConcepts(
      const v1::ListConceptsRequest& request) const;
  absl::StatusOr<v1::GetConceptResponse> GetConcept(const v1::GetConceptRequest& request) const;
  absl::StatusOr<v1::ListAssociationsResponse> ListAssociations(
      const v1::ListAssociationsRequest& request) const;
  absl::StatusOr<v1::AssociateResponse> Associate(const v1::AssociateRequest& request) const;
  absl::StatusOr<v1::PredictNextResponse> PredictNext(const v1::PredictNextRequest& request) const;
  absl::StatusOr<v1::FindPathResponse> FindPath(const v1::FindPathRequest& request) const;
  absl::StatusOr<v1::GetTimelineResponse> GetTimeline(const v1::GetTimelineRequest& request) const;

  // Called with each message of a stream, on the calling thread; false ends the call, which then
  // returns CANCELLED.
  using ConsolidateProgress = std::function<bool(const v1::ConsolidateResponse&)>;
  using PublishProgress = std::function<bool(const v1::PublishGenerationResponse&)>;

  // Returns the stream's last message. Cancelling ends the training after the step in progress.
  absl::StatusOr<v1::ConsolidateResponse> Consolidate(const v1::ConsolidateRequest& request,
                                                      const ConsolidateProgress& progress) const;
  // Returns the stream's last message: published or refused. Cancelling does not stop the publish.
  absl::StatusOr<v1::PublishGenerationResponse> PublishGeneration(
      const PublishProgress& progress) const;

  using CreateSnapshotProgress = std::function<bool(const v1::CreateSnapshotResponse&)>;
  using VerifySnapshotProgress = std::function<bool(const v1::VerifySnapshotResponse&)>;

  // Returns the stream's last message, which has the snapshot. Cancelling leaves nothing of it.
  absl::StatusOr<v1::CreateSnapshotResponse> CreateSnapshot(
      const v1::CreateSnapshotRequest& request, const CreateSnapshotProgress& progress) const;
  absl::StatusOr<v1::VerifySnapshotResponse> VerifySnapshot(
      const v1::VerifySnapshotRequest& request, const VerifySnapshotProgress& progress) const;
  absl::StatusOr<v1::ListSnapshotsResponse> ListSnapshots() const;
  using DownloadProgress = std::function<bool(const v1::DownloadSnapshotResponse&)>;
  // Every part comes to `progress`, in order. Returns the last one.
  absl::StatusOr<v1::DownloadSnapshotResponse> DownloadSnapshot(
      const v1::DownloadSnapshotRequest& request, const DownloadProgress& progress) const;

  using CreateBackupProgress = std::function<bool(const v1::CreateBackupResponse&)>;
  using FetchBackupProgress = std::function<bool(const v1::FetchBackupResponse&)>;
  absl::StatusOr<v1::CreateBackupResponse> CreateBackup(const CreateBackupProgress& progress) const;
  absl::StatusOr<v1::VerifyBackupResponse> VerifyBackup(
      const v1::VerifyBackupRequest& request) const;
  absl::StatusOr<v1::FetchBackupResponse> FetchBackup(const v1::FetchBackupRequest& request,
                                                      const FetchBackupProgress& progress) const;
  absl::StatusOr<v1::ListBackupsResponse> ListBackups() const;
  absl::StatusOr<v1::DeleteBackupResponse> DeleteBackup(
      const v1::DeleteBackupRequest& request) const;
  // One attempt each, since a second one would meet what the first one did.
  absl::StatusOr<v1::DeleteSnapshotResponse> DeleteSnapshot(
      const v1::DeleteSnapshotRequest& request) const;
  absl::StatusOr<v1::RestoreSnapshotResponse> RestoreSnapshot(
      const v1::RestoreSnapshotRequest& request) const;

  // What an Ingester and a load need.
  const std::shared_ptr<Connection>& connection() const { return connection_; }

 private:
  explicit Client(std::shared_ptr<Connection> connection);

  std::shared_ptr<Connection> connection_;
};

}  // namespace mixmatch::client
