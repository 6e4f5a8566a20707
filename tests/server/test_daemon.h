// A real mixmatchd in a process and a temporary directory of its own, on a free loopback port.
#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mixmatch/v1/admin.grpc.pb.h"
#include "mixmatch/v1/memory.grpc.pb.h"

namespace mixmatch {

class TestDaemon {
 public:
  // `yaml` is the configuration but for data_dir and listen.
  explicit TestDaemon(std::string yaml = "");
  // Ends the process it started and removes the directory.
  ~TestDaemon();
  TestDaemon(const TestDaemon&) = delete;
  TestDaemon& operator=(const TestDaemon&) = delete;

  // Another configuration, from the next start on.
  void Configure(std::string yaml) { yaml_ = std::move(yaml); }
  // Starts the process and waits until it serves. Fails the test when it does not.
  void Start();
  void Kill();      // SIGKILL
  int Terminate();  // SIGTERM; returns the exit status

  v1::Memory::Stub& memory() { return *memory_; }
  v1::Admin::Stub& admin() { return *admin_; }
  const std::shared_ptr<grpc::Channel>& channel() { return channel_; }
  const std::string& address() const { return address_; }
  const std::string& directory() const { return directory_; }
  pid_t pid() const { return pid_; }

  // Polls until the condition on the watermarks holds; fails the test after `seconds`.
  void AwaitWatermarks(const std::function<bool(const v1::Watermarks&)>& condition,
                       double seconds = 30);
  v1::Watermarks GetWatermarks();
  v1::GetStatusResponse GetStatus();

  // Makes so many steps of consolidation; fails the test unless all were made.
  void Consolidate(uint64_t steps);
  // Publishes by command what was learned; returns what became of it.
  v1::PublishGenerationResponse Publish();

 private:
  std::string yaml_;
  std::string directory_;
  pid_t pid_ = 0;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Memory::Stub> memory_;
  std::unique_ptr<v1::Admin::Stub> admin_;
};

// A deadline for calls of tests.
void SetDeadline(grpc::ClientContext& context, double seconds = 30);

// An event of one text percept at second `time` of 2026.
v1::Event TextEvent(const std::string& id, const std::string& text, double time,
                    const std::string& scene = "room");
// An event of one vector percept of modality "pose".
v1::Event VectorEvent(const std::string& id, const std::vector<float>& values, double time,
                      const std::string& scene = "room");

// Streams events in and returns the responses' results, in order, and the stream's status.
std::vector<v1::IngestResult> Ingest(TestDaemon& daemon, const std::vector<v1::Event>& events,
                                     grpc::Status* status = nullptr);

// Result of each event, runs spread out again.
std::vector<v1::IngestResult> Spread(const std::vector<v1::IngestResult>& results);

}  // namespace mixmatch
