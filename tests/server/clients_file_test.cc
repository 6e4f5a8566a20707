// The file of clients: who is found by what, and refusals that say what is wrong.
#include "server/access/clients_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace mixmatch {
namespace {

using ::testing::HasSubstr;

TEST(ClientsFileTest, FindsClientsByTokenAndByCertificate) {
  const auto clients = AccessClients::Parse(
      "clients:\n"
      "  - {name: a, roles: [ingest, recall], token_sha256: " +
      TokenHash("secret") +
      ", expires: 2030-01-02T03:04:05Z}\n"
      "  - {name: b, roles: [admin], certificate: b.example}\n");
  ASSERT_TRUE(clients.ok()) << clients.status();
  const AccessClient* const a = clients->ByToken("secret");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->name, "a");
  EXPECT_EQ(a->roles, Role::kIngest | Role::kRecall);
  EXPECT_EQ(absl::FormatTime(a->expires, absl::UTCTimeZone()), "2030-01-02T03:04:05+00:00");
  EXPECT_EQ(clients->ByToken("Secret"), nullptr);
  EXPECT_EQ(clients->ByToken(""), nullptr);
  const AccessClient* const b = clients->ByCertificate({"other.example", "b.example"});
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(b->name, "b");
  EXPECT_EQ(b->expires, absl::InfiniteFuture());
  EXPECT_EQ(clients->ByCertificate({"secret"}), nullptr);
}

TEST(ClientsFileTest, TheHashIsThatOfTheStandard) {
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(TokenHash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(ClientsFileTest, RefusesWhatIsWrongAndSaysWhat) {
  const std::string hash = TokenHash("x");
  const std::map<std::string, std::string> cases = {
      {"", "list of clients"},
      {"[1, 2]", "list of clients"},
      {"clients: {a: b}", "list of clients"},
      {"clients: [", "YAML"},
      {"clients: [{roles: [admin]}]", "empty or there twice"},
      {"clients: [{name: a, roles: [admin]}]", "either token_sha256"},
      {"clients: [{name: a, token_sha256: " + hash + "}]", "has no role"},
      {"clients: [{name: a, roles: [], token_sha256: " + hash + "}]", "has no role"},
      {"clients: [{name: a, roles: [boss], token_sha256: " + hash + "}]",
       "the role 'boss'; there are ingest,recall,teach,admin"},
      {"clients: [{name: a, roles: [admin], token_sha256: abc}]", "64 hexadecimal"},
      {"clients: [{name: a, roles: [admin], token: abc}]", "unknown key 'token'"},
      {"clients: [{name: a, roles: [admin], certificate: c, token_sha256: " + hash + "}]",
       "either token_sha256"},
      {"clients: [{name: a, roles: [admin], certificate: c, expires: soon}]", "expires 'soon'"},
      {"clients: [{name: a, roles: [admin], certificate: c}, {name: a, roles: [admin], "
       "certificate: d}]",
       "empty or there twice"},
      {"clients: [{name: a, roles: [admin], certificate: c}, {name: b, roles: [admin], "
       "certificate: c}]",
       "what another one is"},
  };
  for (const auto& [text, wanted] : cases) {
    const auto clients = AccessClients::Parse(text);
    EXPECT_EQ(clients.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(clients.status().message()), HasSubstr(wanted)) << text;
  }
  EXPECT_EQ(AccessClients::Read("/nowhere/clients.yaml").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace mixmatch
