// What the gate leaves with a connection: one note for each client, however many calls there are.
#include "server/access/gatekeeper.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace mixmatch {
namespace {

// Of nothing.
class NoProperties : public grpc::AuthPropertyIterator {};

// What gRPC has of a connection, as far as the gate asks it.
class Connection final : public grpc::AuthContext {
 public:
  bool IsPeerAuthenticated() const override { return false; }
  std::vector<grpc::string_ref> GetPeerIdentity() const override { return {}; }
  std::string GetPeerIdentityPropertyName() const override { return ""; }
  std::vector<grpc::string_ref> FindPropertyValues(const std::string& name) const override {
    std::vector<grpc::string_ref> values;
    for (const auto& [key, value] : notes_) {
      if (key == name) values.emplace_back(value);
    }
    return values;
  }
  grpc::AuthPropertyIterator begin() const override { return end(); }
  grpc::AuthPropertyIterator end() const override { return NoProperties(); }
  void AddProperty(const std::string& key, const grpc::string_ref& value) override {
    notes_.emplace_back(key, std::string(value.data(), value.size()));
  }
  bool SetPeerIdentityPropertyName(const std::string& /*name*/) override { return false; }

  size_t count() const { return notes_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> notes_;
};

class GatekeeperTest : public ::testing::Test {
 protected:
  GatekeeperTest() {
    std::string pattern = ::testing::TempDir() + "mixmatch-gate-XXXXXX";
    dir_ = mkdtemp(pattern.data());
    std::ofstream(dir_ + "/clients.yaml")
        << "clients:\n"
           "  - {name: a, roles: [recall], token_sha256: "
        << TokenHash("one")
        << "}\n  - {name: b, roles: [recall], token_sha256: " << TokenHash("two")
        << "}\n  - {name: robot, roles: [recall], certificate: robot.example}\n";
    audit_ = *AuditLog::Open(dir_ + "/audit.log", &clock_);
  }
  ~GatekeeperTest() override { std::filesystem::remove_all(dir_); }

  bool Call(Gatekeeper& gate, Connection& connection, const std::string& method,
            const std::string& authorization) {
    std::multimap<grpc::string_ref, grpc::string_ref> metadata = {{":path", method}};
    if (!authorization.empty()) metadata.emplace("authorization", authorization);
    grpc::AuthMetadataProcessor::OutputMetadata consumed, response;
    return gate.Process(metadata, &connection, &consumed, &response).ok();
  }

  const std::string recall_ = "/mixmatch.v1.Memory/Recall";
  const std::string health_ = "/grpc.health.v1.Health/Check";
  std::string dir_;
  SystemClock clock_;
  std::unique_ptr<AuditLog> audit_;
};

TEST_F(GatekeeperTest, LeavesOneNoteForEachClientOfAConnection) {
  const auto gate = *Gatekeeper::Open(dir_ + "/clients.yaml", &clock_, audit_.get());
  Connection connection;
  connection.AddProperty("x509_common_name", "robot.example");
  for (int i = 0; i < 50; ++i) {
    const std::string odd = "Basic " + std::to_string(i);
    EXPECT_TRUE(Call(*gate, connection, recall_, "Bearer one"));
    EXPECT_TRUE(Call(*gate, connection, recall_, "Bearer two"));
    EXPECT_TRUE(Call(*gate, connection, recall_, odd));  // by its certificate
    EXPECT_TRUE(Call(*gate, connection, health_, ""));
    EXPECT_TRUE(Call(*gate, connection, health_, "Bearer " + odd));
    EXPECT_FALSE(Call(*gate, connection, recall_, "Bearer " + odd));
  }
  EXPECT_EQ(connection.count(), 1U + 3U);  // the certificate's, and a, b, robot
}

TEST_F(GatekeeperTest, LeavesOneNoteWhereEveryoneMayDoEverything) {
  const auto gate = *Gatekeeper::Open("", &clock_, audit_.get());
  Connection connection;
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(Call(*gate, connection, recall_, "Bearer " + std::to_string(i)));
  }
  EXPECT_EQ(connection.count(), 1U);
}

}  // namespace
}  // namespace mixmatch
