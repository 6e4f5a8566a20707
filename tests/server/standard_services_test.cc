// Health and reflection, as generic tools see them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "health.grpc.pb.h"
#include "reflection_client.h"
#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::Contains;
using ::testing::IsSupersetOf;

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
