// Starts and ends one process; waits with bounds.
#include "test_daemon.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

namespace mixmatch {
namespace {

constexpr double kStartSeconds = 60;
constexpr int64_t kYearStart = 1767225600;  // 2026-01-01T00:00:00Z

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

v1::Event BareEvent(const std::string& id, double time, const std::string& scene) {
  v1::Event event;
  event.set_event_id(id);
  event.set_source("test");
  event.set_scene(scene);
  const double whole = std::floor(time);
  event.mutable_time()->set_seconds(kYearStart + static_cast<int64_t>(whole));
  event.mutable_time()->set_nanos(static_cast<int32_t>((time - whole) * 1e9));
  return event;
}

}  // namespace

TestDaemon::TestDaemon(std::string yaml) : yaml_(std::move(yaml)) {
  std::string pattern = (std::filesystem::temp_directory_path() / "mixmatch-test-XXXXXX").string();
  directory_ = mkdtemp(pattern.data());
}

TestDaemon::~TestDaemon() {
  if (pid_ != 0) Kill();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void TestDaemon::Start() {
  const std::string config = directory_ + "/config.yaml";
  const std::string port_file = directory_ + "/port";
  std::filesystem::remove(port_file);
  std::ofstream(config) << yaml_;
  const std::string data = directory_ + "/data";
  const std::vector<std::string> words = {MIXMATCHD_PATH, "--config",    config,
                                          "--data-dir",   data,          "--listen",
                                          "127.0.0.1:0",  "--port-file", port_file};
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  // On a machine that is full, a call may wait for its turn for longer than a user's should.
  setenv("MIXMATCH_LIMITS_CALL_WAIT", "60s", /*overwrite=*/0);
  pid_ = fork();
  ASSERT_GE(pid_, 0);
  if (pid_ == 0) {                     // nothing but async-signal-safe calls until exec
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves no daemon behind
    execv(MIXMATCHD_PATH, argv.data());
    _exit(127);
  }
  address_.clear();
  for (double waited = 0; address_.empty() && waited < kStartSeconds; waited += 0.02) {
    Sleep(0.02);
    std::ifstream(port_file) >> address_;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      pid_ = 0;
      FAIL() << "the daemon ended before it served, status " << status;
    }
  }
  ASSERT_FALSE(address_.empty()) << "the daemon did not serve within " << kStartSeconds << " s";
  grpc::ChannelArguments arguments;
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  channel_ = grpc::CreateCustomChannel(address_, grpc::InsecureChannelCredentials(), arguments);
  memory_ = v1::Memory::NewStub(channel_);
  admin_ = v1::Admin::NewStub(channel_);
}

void TestDaemon::Kill() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

int TestDaemon::Terminate() {
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

v1::Watermarks TestDaemon::GetWatermarks() {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetWatermarksResponse response;
  const grpc::Status status = memory_->GetWatermarks(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.watermarks();
}

void TestDaemon::AwaitWatermarks(const std::function<bool(const v1::Watermarks&)>& condition,
                                 double seconds) {
  v1::Watermarks last;
  for (double waited = 0; waited < seconds; waited += 0.02) {
    last = GetWatermarks();
    if (condition(last)) return;
    Sleep(0.02);
  }
  FAIL() << "after " << seconds << " s the watermarks are " << last.ShortDebugString();
}

v1::GetStatusResponse TestDaemon::GetStatus() {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetStatusResponse response;
  const grpc::Status status = admin_->GetStatus(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

void TestDaemon::Consolidate(uint64_t steps) {
  grpc::ClientContext context;
  SetDeadline(context, 240);
  v1::ConsolidateRequest request;
  request.set_steps(steps);
  const auto stream = admin_->Consolidate(&context, request);
  v1::ConsolidateResponse progress;
  while (stream->Read(&progress)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(progress.done());
  EXPECT_EQ(progress.steps_done(), steps);
}

v1::PublishGenerationResponse TestDaemon::Publish() {
  grpc::ClientContext context;
  SetDeadline(context, 120);
  const auto stream = admin_->PublishGeneration(&context, {});
  v1::PublishGenerationResponse response;
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

void SetDeadline(grpc::ClientContext& context, double seconds) {
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
}

v1::Event TextEvent(const std::string& id, const std::string& text, double time,
                    const std::string& scene) {
  v1::Event event = BareEvent(id, time, scene);
  event.add_percepts()->mutable_text()->set_text(text);
  return event;
}

v1::Event VectorEvent(const std::string& id, const std::vector<float>& values, double time,
                      const std::string& scene) {
  v1::Event event = BareEvent(id, time, scene);
  v1::Percept& percept = *event.add_percepts();
  percept.set_modality("pose");
  percept.mutable_vector()->mutable_values()->Add(values.begin(), values.end());
  return event;
}

std::vector<v1::IngestResult> Ingest(TestDaemon& daemon, const std::vector<v1::Event>& events,
                                     grpc::Status* status) {
  grpc::ClientContext context;
  SetDeadline(context, 60);
  const auto stream = daemon.memory().Ingest(&context);
  std::thread writer([&] {
    v1::IngestRequest request;
    for (const v1::Event& event : events) {
      *request.mutable_event() = event;
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
  });
  std::vector<v1::IngestResult> results;
  v1::IngestResponse response;
  while (stream->Read(&response)) {
    results.insert(results.end(), response.results().begin(), response.results().end());
  }
  writer.join();
  const grpc::Status ended = stream->Finish();
  if (status != nullptr) {
    *status = ended;
  } else {
    EXPECT_TRUE(ended.ok()) << ended.error_message();
  }
  return results;
}

std::vector<v1::IngestResult> Spread(const std::vector<v1::IngestResult>& results) {
  std::vector<v1::IngestResult> spread;
  for (const v1::IngestResult& result : results) {
    for (uint64_t i = 0; i < result.event_count(); ++i) {
      v1::IngestResult one = result;
      one.set_first_index(result.first_index() + i);
      one.set_event_count(1);
      if (result.first_sequence() != 0) one.set_first_sequence(result.first_sequence() + i);
      spread.push_back(one);
    }
  }
  return spread;
}

}  // namespace mixmatch
