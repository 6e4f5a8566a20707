// What Client and Ingester share: the channel with its stubs, and the rules of trying again.
//
// Takes a target and options; gives stubs, contexts with deadlines and the answer to "again, and
// when?". It makes no call by itself.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "clients/cpp/client.h"
#include "mixmatch/v1/admin.grpc.pb.h"
#include "mixmatch/v1/graph.grpc.pb.h"
#include "mixmatch/v1/memory.grpc.pb.h"
#include "mixmatch/v1/skills.grpc.pb.h"
#include "mixmatch/v1/snapshots.grpc.pb.h"

namespace mixmatch::client {

// Thread-safety: Immutable; safe to share.
class Connection {
 public:
  Connection(const std::string& target, const ClientOptions& options,
             std::shared_ptr<grpc::Channel> channel);

  v1::Memory::StubInterface& memory() const { return *memory_; }
  v1::Admin::StubInterface& admin() const { return *admin_; }
  v1::Skills::StubInterface& skills() const { return *skills_; }
  v1::Graph::StubInterface& graph() const { return *graph_; }
  v1::Snapshots::StubInterface& snapshots() const { return *snapshots_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  const ClientOptions& options() const { return options_; }
  const std::string& target() const { return target_; }

 private:
  std::string target_;
  ClientOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Memory::Stub> memory_;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<v1::Skills::Stub> skills_;
  std::unique_ptr<v1::Graph::Stub> graph_;
  std::unique_ptr<v1::Snapshots::Stub> snapshots_;
};

// The two libraries' codes have the same numbers and meanings.
absl::Status FromGrpc(const grpc::Status& status);

// The daemon's `retry-delay-ms`, if it sent one; at most a minute.
std::optional<absl::Duration> RetryDelay(const grpc::ClientContext& context);

// Waits that grow: `initial`, doubled each time up to `max`, each less up to a quarter by chance.
// Thread-safety: Not thread-safe: one owner thread.
class Backoff {
 public:
  Backoff(absl::Duration initial, absl::Duration max)
      : initial_(initial), max_(max), next_(initial) {}

  absl::Duration Next();
  void Reset() { next_ = initial_; }

 private:
  absl::Duration initial_;
  absl::Duration max_;
  absl::Duration next_;
};

// Sets the deadline unless it is infinite.
void SetDeadline(grpc::ClientContext* context, absl::Time deadline);

}  // namespace mixmatch::client
