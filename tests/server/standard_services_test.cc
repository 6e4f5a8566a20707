// Health and reflection, as generic tools see them.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "health.grpc.pb.h"
#include "reflection.grpc.pb.h"
#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;

namespace reflection = grpc::reflection::v1alpha;

class Reflection {
 public:
  explicit Reflection(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(reflection::ServerReflection::NewStub(channel)) {
    SetDeadline(context_);
    stream_ = stub_->ServerReflectionInfo(&context_);
  }
  ~Reflection() {
    stream_->WritesDone();
    EXPECT_TRUE(stream_->Finish().ok());
  }

  std::set<std::string> Services() {
    reflection::ServerReflectionRequest request;
    request.set_list_services("*");
    std::set<std::string> names;
    const reflection::ServerReflectionResponse response = Ask(request);
    for (const auto& service : response.list_services_response().service()) {
      names.insert(service.name());
    }
    return names;
  }
  std::set<std::string> Methods(const std::string& service) {
    reflection::ServerReflectionRequest request;
    request.set_file_containing_symbol(service);
    const reflection::ServerReflectionResponse response = Ask(request);
    std::set<std::string> names;
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      for (const auto& described : file.service()) {
        if (file.package() + "." + described.name() != service) continue;
        for (const auto& method : described.method()) names.insert(method.name());
      }
    }
    return names;
  }

 private:
  reflection::ServerReflectionResponse Ask(const reflection::ServerReflectionRequest& request) {
    reflection::ServerReflectionResponse response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }

  std::unique_ptr<reflection::ServerReflection::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<reflection::ServerReflectionRequest,
                                           reflection::ServerReflectionResponse>>
      stream_;
};

grpc::health::v1::HealthCheckResponse::ServingStatus Health(TestDaemon& daemon,
                                                            const std::string& service) {
  const auto stub = grpc::health::v1::Health::NewStub(daemon.channel());
  grpc::ClientContext context;
  SetDeadline(context);
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.status();
}

TEST(StandardServicesTest, ReflectionListsEveryServiceAndMethod) {
  TestDaemon daemon;
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  Reflection client(daemon.channel());
  EXPECT_THAT(client.Services(),
              IsSupersetOf({"mixmatch.v1.Memory", "mixmatch.v1.Admin", "mixmatch.v1.Skills",
                            "mixmatch.v1.Graph", "grpc.health.v1.Health",
                            "grpc.reflection.v1alpha.ServerReflection"}));
  const auto* const file = v1::IngestRequest::descriptor()->file();
  for (int s = 0; s < file->service_count(); ++s) {
    const std::set<std::string> methods = client.Methods(file->service(s)->full_name());
    for (int m = 0; m < file->service(s)->method_count(); ++m) {
      EXPECT_THAT(methods, Contains(file->service(s)->method(m)->name()));
    }
  }
  EXPECT_THAT(client.Methods("mixmatch.v1.Skills"),
              IsSupersetOf({"CreateSkill", "GetSkill", "ListSkills", "DeleteSkill", "Teach",
                            "Unteach", "Predict", "Evaluate"}));
  EXPECT_THAT(client.Methods("mixmatch.v1.Admin"),
              IsSupersetOf({"GetStatus", "PauseLearning", "ResumeLearning", "Consolidate",
                            "ListGenerations", "PublishGeneration", "RollbackGeneration"}));
}

TEST(StandardServicesTest, HealthSaysServingOnlyWhileItServes) {
  TestDaemon daemon;
  ASSERT_NO_FATAL_FAILURE(daemon.Start());
  using grpc::health::v1::HealthCheckResponse;
  EXPECT_EQ(Health(daemon, ""), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health(daemon, "mixmatch.v1.Memory"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health(daemon, "mixmatch.v1.Admin"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health(daemon, "mixmatch.v1.Skills"), HealthCheckResponse::SERVING);
  EXPECT_EQ(Health(daemon, "mixmatch.v1.Graph"), HealthCheckResponse::SERVING);

  // A watcher hears of the end before the connection closes.
  const auto stub = grpc::health::v1::Health::NewStub(daemon.channel());
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  EXPECT_EQ(daemon.Terminate(), 0);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

}  // namespace
}  // namespace mixmatch
