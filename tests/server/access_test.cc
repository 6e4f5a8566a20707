// Who gets in and who does not, for every call that the daemon itself lists.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

#include "certificates.h"
#include "reflection_client.h"
#include "server/access/clients_file.h"
#include "test_daemon.h"

namespace mixmatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Whom each call is for, as the README says it: a call that is not here fails the test.
const std::map<std::string, std::set<std::string>>& Expected() {
  static const std::set<std::string> kIngest = {"ingest", "admin"};
  static const std::set<std::string> kRecall = {"recall", "admin"};
  static const std::set<std::string> kTeach = {"teach", "admin"};
  static const std::set<std::string> kTaught = {"recall", "teach", "admin"};
  static const std::set<std::string> kAdmin = {"admin"};
  static const std::set<std::string> kKnown = {"ingest", "recall", "teach", "admin"};
  static const std::map<std::string, std::set<std::string>> expected = {
      {"/mixmatch.v1.Memory/Ingest", kIngest},
      {"/mixmatch.v1.Memory/IngestBatch", kIngest},
      {"/mixmatch.v1.Memory/Recall", kRecall},
      {"/mixmatch.v1.Memory/GetEvent", kRecall},
      {"/mixmatch.v1.Memory/ListEvents", kRecall},
      {"/mixmatch.v1.Memory/GetEpisode", kRecall},
      {"/mixmatch.v1.Memory/Embed", kRecall},
      {"/mixmatch.v1.Memory/GetWatermarks", {"ingest", "recall", "admin"}},
      {"/mixmatch.v1.Skills/CreateSkill", kTeach},
      {"/mixmatch.v1.Skills/DeleteSkill", kTeach},
      {"/mixmatch.v1.Skills/Teach", kTeach},
      {"/mixmatch.v1.Skills/Unteach", kTeach},
      {"/mixmatch.v1.Skills/GetSkill", kTaught},
      {"/mixmatch.v1.Skills/ListSkills", kTaught},
      {"/mixmatch.v1.Skills/Predict", kTaught},
      {"/mixmatch.v1.Skills/Evaluate", kTaught},
      {"/mixmatch.v1.Graph/ListConcepts", kRecall},
      {"/mixmatch.v1.Graph/GetConcept", kRecall},
      {"/mixmatch.v1.Graph/ListAssociations", kRecall},
      {"/mixmatch.v1.Graph/Associate", kRecall},
      {"/mixmatch.v1.Graph/PredictNext", kRecall},
      {"/mixmatch.v1.Graph/FindPath", kRecall},
      {"/mixmatch.v1.Graph/GetTimeline", kRecall},
      {"/mixmatch.v1.Admin/GetStatus", kAdmin},
      {"/mixmatch.v1.Admin/PauseLearning", kAdmin},
      {"/mixmatch.v1.Admin/ResumeLearning", kAdmin},
      {"/mixmatch.v1.Admin/GetLearningReport", kAdmin},
      {"/mixmatch.v1.Admin/Consolidate", kAdmin},
      {"/mixmatch.v1.Admin/ListGenerations", kAdmin},
      {"/mixmatch.v1.Admin/PublishGeneration", kAdmin},
      {"/mixmatch.v1.Admin/RollbackGeneration", kAdmin},
      {"/mixmatch.v1.Admin/Forget", kAdmin},
      {"/mixmatch.v1.Snapshots/CreateSnapshot", kAdmin},
      {"/mixmatch.v1.Snapshots/ListSnapshots", kAdmin},
      {"/mixmatch.v1.Snapshots/VerifySnapshot", kAdmin},
      {"/mixmatch.v1.Snapshots/RestoreSnapshot", kAdmin},
      {"/mixmatch.v1.Snapshots/DeleteSnapshot", kAdmin},
      {"/mixmatch.v1.Snapshots/DownloadSnapshot", kAdmin},
      {"/mixmatch.v1.Snapshots/CreateBackup", kAdmin},
      {"/mixmatch.v1.Snapshots/ListBackups", kAdmin},
      {"/mixmatch.v1.Snapshots/VerifyBackup", kAdmin},
      {"/mixmatch.v1.Snapshots/DeleteBackup", kAdmin},
      {"/mixmatch.v1.Snapshots/FetchBackup", kAdmin},
      {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kKnown},
      {"/grpc.health.v1.Health/Check", {}},  // for everyone
      {"/grpc.health.v1.Health/Watch", {}},
  };
  return expected;
}

// One empty message, and the status that the call ends with. Streams may outlast the deadline.
grpc::Status Call(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                  const std::string& authorization) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  SetDeadline(context, method == "/grpc.health.v1.Health/Watch" ? 0.5 : 20);
  if (!authorization.empty()) context.AddMetadata("authorization", authorization);
  grpc::CompletionQueue queue;
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  wait();
  const grpc::Slice empty;
  const grpc::ByteBuffer message(&empty, 1);
  call->WriteLast(message, grpc::WriteOptions(), nullptr);
  wait();
  grpc::ByteBuffer answer;
  do {
    call->Read(&answer, nullptr);
  } while (wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
  return status;
}

bool Refused(const grpc::Status& status) {
  return status.error_code() == grpc::StatusCode::UNAUTHENTICATED ||
         status.error_code() == grpc::StatusCode::PERMISSION_DENIED;
}

std::string TextOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

constexpr char kRoles[][8] = {"ingest", "recall", "teach", "admin"};

// A file of clients, one for each role, whose tokens are the names of their roles twice.
std::string TokenOf(const std::string& role) { return role + role; }

std::string ClientsText() {
  std::string text = "clients:\n";
  for (const std::string role : kRoles) {
    text += "  - {name: the-" + role + ", roles: [" + role +
            "], token_sha256: " + TokenHash(TokenOf(role)) + "}\n";
  }
  text += "  - {name: late, roles: [admin], expires: 2020-01-01T00:00:00Z, token_sha256: " +
          TokenHash("late") + "}\n";
  return text;
}

class AccessTest : public ::testing::Test {
 protected:
  void Write(const std::string& name, const std::string& text) const {
    // By rename, as mixmatchctl does it: the daemon never reads half a file.
    std::ofstream(File(name) + ".new") << text;
    ASSERT_EQ(std::rename((File(name) + ".new").c_str(), File(name).c_str()), 0);
  }
  std::string File(const std::string& name) const { return daemon_.directory() + "/" + name; }
  std::string AuditLog() const { return TextOf(daemon_.directory() + "/data/audit.log"); }

  void StartWithTokens() {
    Write("clients.yaml", ClientsText());
    daemon_.Configure("access: {clients_file: " + File("clients.yaml") + "}\n");
    daemon_.Start();
  }
  grpc::Status CallAs(const std::string& role, const std::string& method) {
    return Call(daemon_.channel(), method, "Bearer " + TokenOf(role));
  }
  // Until it holds, at most ten seconds.
  static bool Soon(const std::function<bool()>& holds) {
    for (int i = 0; i < 200; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  TestDaemon daemon_;
};

TEST_F(AccessTest, EveryCallOfEveryServiceIsForItsRolesAlone) {
  ASSERT_NO_FATAL_FAILURE(StartWithTokens());
  // gRPC's own health service is listed, and not described.
  std::set<std::string> methods = {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"};
  {
    Reflection client(daemon_.channel(), TokenOf("admin"));
    for (const std::string& service : client.Services()) {
      const std::set<std::string> described = client.Methods(service);
      EXPECT_EQ(described.empty(), service == "grpc.health.v1.Health") << service;
      for (const std::string& method : described) methods.insert("/" + service + "/" + method);
    }
  }
  for (const auto& [method, roles] : Expected()) EXPECT_EQ(methods.count(method), 1U) << method;
  for (const std::string& method : methods) {
    const auto expected = Expected().find(method);
    ASSERT_NE(expected, Expected().end()) << method << " has no rule in this test";
    const std::set<std::string>& roles = expected->second;
    if (roles.empty()) {
      EXPECT_FALSE(Refused(Call(daemon_.channel(), method, ""))) << method;
      continue;
    }
    for (const char* const wrong : {"", "Bearer nobody", "Bearer late", "Bearer ", "Basic YTph"}) {
      EXPECT_EQ(Call(daemon_.channel(), method, wrong).error_code(),
                grpc::StatusCode::UNAUTHENTICATED)
          << method << " with '" << wrong << "'";
    }
    for (const std::string role : kRoles) {
      const grpc::Status status = CallAs(role, method);
      if (roles.count(role) == 1) {
        EXPECT_FALSE(Refused(status)) << method << " as " << role << status.error_message();
      } else {
        EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED)
            << method << " as " << role;
      }
    }
  }
  EXPECT_TRUE(Refused(CallAs("admin", "/mixmatch.v1.Memory/NoSuchCall")));
}

TEST_F(AccessTest, TheAuditLogTellsWhatAdminsDidAndWhoWasRefusedAndNoSecret) {
  ASSERT_NO_FATAL_FAILURE(StartWithTokens());
  EXPECT_TRUE(CallAs("admin", "/mixmatch.v1.Admin/PauseLearning").ok());
  EXPECT_TRUE(CallAs("admin", "/mixmatch.v1.Admin/GetStatus").ok());
  EXPECT_FALSE(CallAs("recall", "/mixmatch.v1.Admin/ResumeLearning").ok());
  Call(daemon_.channel(), "/mixmatch.v1.Memory/Recall", "Bearer some-wrong-token");
  ASSERT_TRUE(Soon([this] { return AuditLog().find("/Recall") != std::string::npos; }));
  const std::string log = AuditLog();
  EXPECT_THAT(log,
              HasSubstr(R"("method":"/mixmatch.v1.Admin/PauseLearning","client":"the-admin")"));
  EXPECT_THAT(log, HasSubstr(R"("method":"/mixmatch.v1.Admin/ResumeLearning","code":"PERMISSION)"));
  EXPECT_THAT(log, HasSubstr("the-recall"));
  EXPECT_THAT(log, Not(HasSubstr("GetStatus")));  // changes nothing
  for (const std::string& secret :
       {TokenOf("admin"), TokenOf("recall"), std::string("some-wrong")}) {
    EXPECT_THAT(log, Not(HasSubstr(secret)));
  }
}

TEST_F(AccessTest, CallsOfOneConnectionAreEachTheirOwnClients) {
  Write("clients.yaml", ClientsText() + "  - {name: the-other, roles: [admin], token_sha256: " +
                            TokenHash("other") + "}\n");
  daemon_.Configure("access: {clients_file: " + File("clients.yaml") + "}\n");
  ASSERT_NO_FATAL_FAILURE(daemon_.Start());
  const std::shared_ptr<grpc::Channel> channel = daemon_.channel();
  EXPECT_TRUE(CallAs("admin", "/mixmatch.v1.Admin/PauseLearning").ok());
  EXPECT_TRUE(Call(channel, "/mixmatch.v1.Admin/ResumeLearning", "Bearer other").ok());
  // What the calls of a connection share is read and added to by all of them at once.
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&channel, token = i % 2 == 0 ? "Bearer other" : "Bearer adminadmin"] {
      for (int call = 0; call < 300; ++call) {
        EXPECT_TRUE(Call(channel, "/mixmatch.v1.Memory/GetWatermarks", token).ok());
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_TRUE(CallAs("admin", "/mixmatch.v1.Admin/PauseLearning").ok());
  ASSERT_TRUE(Soon([this] {
    const std::string log = AuditLog();
    return log.rfind("PauseLearning") > log.find("ResumeLearning");
  }));
  const std::string log = AuditLog();
  EXPECT_THAT(log,
              HasSubstr(R"("method":"/mixmatch.v1.Admin/ResumeLearning","client":"the-other")"));
  EXPECT_THAT(log.substr(log.find("ResumeLearning")),
              HasSubstr(R"("method":"/mixmatch.v1.Admin/PauseLearning","client":"the-admin")"));
}

TEST_F(AccessTest, TheFileOfClientsIsReadAgainAndABadOneChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(StartWithTokens());
  const char* const method = "/mixmatch.v1.Memory/GetWatermarks";
  EXPECT_TRUE(CallAs("recall", method).ok());
  Write("clients.yaml", "clients:\n  - {name: no-roles}\n");
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_TRUE(CallAs("recall", method).ok());
  Write("clients.yaml", "clients:\n  - {name: new, roles: [recall], token_sha256: " +
                            TokenHash("brand new") + "}\n");
  EXPECT_TRUE(Soon([&] { return !CallAs("recall", method).ok(); }));
  EXPECT_TRUE(Call(daemon_.channel(), method, "bearer brand new").ok());
}

TEST_F(AccessTest, ByMutualTlsOnlyWhoShowsAValidCertificateGetsIn) {
  const Authority ours;
  const Authority others;
  const Certified server = ours.Server();
  Write("server.pem", server.certificate);
  Write("server.key", server.key);
  Write("ca.pem", ours.certificate());
  Write("clients.yaml",
        "clients:\n  - {name: robot, roles: [recall], certificate: robot.example}\n");
  daemon_.Configure("access: {clients_file: " + File("clients.yaml") + ", certificate_file: " +
                    File("server.pem") + ", key_file: " + File("server.key") +
                    ", client_ca_file: " + File("ca.pem") + "}\n");
  ASSERT_NO_FATAL_FAILURE(daemon_.Start());
  const auto connect = [&](const std::string& ca, const Certified& client) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(daemon_.address(),
                                     grpc::SslCredentials({.pem_root_certs = ca,
                                                           .pem_private_key = client.key,
                                                           .pem_cert_chain = client.certificate}),
                                     arguments);
  };
  const char* const method = "/mixmatch.v1.Memory/GetWatermarks";
  const std::string ca = ours.certificate();
  const grpc::Status known = Call(connect(ca, ours.Client("robot.example", 3600)), method, "");
  EXPECT_TRUE(known.ok()) << known.error_message();
  EXPECT_EQ(
      Call(connect(ca, ours.Client("robot.example", 3600)), "/mixmatch.v1.Admin/GetStatus", "")
          .error_code(),
      grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Call(connect(ca, ours.Client("stranger.example", 3600)), method, "").error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  // These never come to a call: the handshake fails.
  const std::map<std::string, std::shared_ptr<grpc::Channel>> shut = {
      {"expired", connect(ca, ours.Client("robot.example", -3600))},
      {"of another authority", connect(ca, others.Client("robot.example", 3600))},
      {"none", connect(ca, {})},
      {"no trust in the daemon", connect(others.certificate(), ours.Client("robot.example", 3600))},
      {"no TLS", daemon_.channel()}};
  for (const auto& [what, channel] : shut) {
    EXPECT_EQ(Call(channel, method, "").error_code(), grpc::StatusCode::UNAVAILABLE) << what;
  }
}

}  // namespace
}  // namespace mixmatch
