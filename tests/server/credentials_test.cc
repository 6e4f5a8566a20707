// Where the daemon may listen, and by what.
#include "server/access/credentials.h"

#include <gtest/gtest.h>

#include "server/access/gatekeeper.h"

namespace mixmatch {
namespace {

absl::StatusCode CodeOf(const std::string& listen, const Config::Access& access) {
  Config config;
  config.listen = listen;
  config.access = access;
  const auto gatekeeper = Gatekeeper::Open("", nullptr, nullptr);
  return MakeServerCredentials(config, *gatekeeper).status().code();
}

TEST(CredentialsTest, LocalIsWhatOnlyThisMachineReaches) {
  for (const char* const listen : {"127.0.0.1:7077", "127.1.2.3:0", "localhost:1", "[::1]:7077",
                                   "unix:/run/mixmatch.sock", "unix:relative"}) {
    EXPECT_TRUE(IsLocalAddress(listen)) << listen;
  }
  for (const char* const listen : {"0.0.0.0:7077", "[::]:7077", "192.168.1.2:7077", "*:7077",
                                   "localhost.example.org:7077", "[2001:db8::1]:7077", ":7077"}) {
    EXPECT_FALSE(IsLocalAddress(listen)) << listen;
  }
}

TEST(CredentialsTest, NotForOthersWithoutTlsAndClientsUnlessToldSo) {
  EXPECT_EQ(CodeOf("127.0.0.1:0", {}), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("unix:/tmp/x", {}), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("127.0.0.1:0", {.clients_file = "c"}), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("0.0.0.0:0", {}), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf("0.0.0.0:0", {.clients_file = "c"}), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf("0.0.0.0:0", {.certificate_file = "a", .key_file = "b"}),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf("0.0.0.0:0", {.insecure = true}), absl::StatusCode::kOk);
  // Tokens must not cross a network readable, whoever says so.
  EXPECT_EQ(CodeOf("0.0.0.0:0", {.clients_file = "c", .insecure = true}),
            absl::StatusCode::kInvalidArgument);
}

TEST(CredentialsTest, KeysThatDoNotGoTogetherAreRefused) {
  EXPECT_EQ(CodeOf("127.0.0.1:0", {.certificate_file = "a"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("127.0.0.1:0", {.key_file = "a"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("127.0.0.1:0", {.client_ca_file = "a"}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("127.0.0.1:0", {.certificate_file = "/nowhere/a", .key_file = "/nowhere/b"}),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace mixmatch
