// mixmatchctl token: the daemon's file of clients, with hashes of their tokens. Works on the file
// alone, needs no daemon; a daemon that runs reads it again by itself.
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "clients/cli/commands.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

constexpr size_t kTokenBytes = 32;

struct TokenOptions {
  std::string file;
  std::string name;
  std::vector<std::string> roles;
  std::string certificate;
  std::string lifetime;
};

absl::Status Wrong(const std::string& file, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("file of clients '", file, "': ", what));
}

// The clients of the file; none where there is no file and `create` is set.
absl::StatusOr<YAML::Node> Load(const std::string& file, bool create) {
  if (create && access(file.c_str(), F_OK) != 0) return YAML::Node(YAML::NodeType::Sequence);
  try {
    const YAML::Node root = YAML::LoadFile(file);
    if (root.IsMap() && root["clients"].IsSequence()) return YAML::Clone(root["clients"]);
    return Wrong(file, "it is no list of clients; give another file");
  } catch (const YAML::Exception& e) {
    return Wrong(file, absl::StrCat("not read: ", e.what()));
  }
}

// Written whole or not at all, for the daemon's user and group alone.
absl::Status Store(const std::string& file, const YAML::Node& clients) {
  YAML::Emitter out;
  YAML::Node root;
  root["clients"] = clients;
  out << root;
  const std::string text = absl::StrCat("# Written by mixmatchctl token.\n", out.c_str(), "\n");
  const std::string temporary = file + ".tmp";
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  const bool written = fd >= 0 &&
                       write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fsync(fd) == 0;
  if (fd >= 0) close(fd);
  if (!written || std::rename(temporary.c_str(), file.c_str()) != 0) {
    return Wrong(file, "not written; check the folder's rights and space");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> NewToken() {
  std::array<unsigned char, kTokenBytes> bytes = {};
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) {
    return absl::InternalError("no random numbers from the system; try again");
  }
  return absl::StrCat("mm_", absl::WebSafeBase64Escape(absl::string_view(
                                 reinterpret_cast<const char*>(bytes.data()), bytes.size())));
}

// As the daemon hashes what a client sends.
std::string HashOf(const std::string& token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned int size = 0;
  EVP_Digest(token.data(), token.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

int RunCreate(const Session& session, const TokenOptions& options) {
  auto clients = Load(options.file, true);
  if (!clients.ok()) return session.Misused(clients.status());
  for (const YAML::Node& client : *clients) {
    if (client["name"].as<std::string>("") == options.name) {
      return session.Misused(Wrong(options.file, absl::StrCat("there is a client '", options.name,
                                                              "' already; revoke it first")));
    }
  }
  YAML::Node client;
  client["name"] = options.name;
  for (const std::string& role : options.roles) client["roles"].push_back(role);
  client["roles"].SetStyle(YAML::EmitterStyle::Flow);
  std::string token;
  if (options.certificate.empty()) {
    auto made = NewToken();
    if (!made.ok()) return session.Misused(made.status());
    token = *std::move(made);
    client["token_sha256"] = HashOf(token);
  } else {
    client["certificate"] = options.certificate;
  }
  if (!options.lifetime.empty()) {
    absl::Duration lifetime;
    if (!absl::ParseDuration(options.lifetime, &lifetime) || lifetime <= absl::ZeroDuration()) {
      return session.Misused(absl::InvalidArgumentError(
          absl::StrCat("--lifetime ", options.lifetime, ": no duration; give one such as 720h")));
    }
    client["expires"] =
        absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::Now() + lifetime, absl::UTCTimeZone());
  }
  clients->push_back(client);
  const absl::Status stored = Store(options.file, *clients);
  if (!stored.ok()) return session.Misused(stored);
  if (session.json) {
    session.out() << nlohmann::ordered_json{{"name", options.name}, {"token", token}}.dump(2)
                  << '\n';
  } else if (!token.empty()) {
    session.err() << "token of " << options.name << ", shown this once:\n";
    session.out() << token << '\n';
  }
  return kExitOk;
}

std::string RolesText(const YAML::Node& roles) {
  std::vector<std::string> names;
  for (const YAML::Node& role : roles) names.push_back(role.as<std::string>(""));
  return absl::StrJoin(names, ",");
}

int RunList(const Session& session, const TokenOptions& options) {
  const auto clients = Load(options.file, false);
  if (!clients.ok()) return session.Misused(clients.status());
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  Table table({{"name"}, {"roles"}, {"known by"}, {"expires"}});
  for (const YAML::Node& client : *clients) {
    const std::string name = client["name"].as<std::string>("");
    const std::string roles = RolesText(client["roles"]);
    const std::string by = client["certificate"] ? "certificate" : "token";
    const std::string expires = client["expires"].as<std::string>("never");
    table.AddRow({name, roles, by, expires});
    list.push_back({{"name", name}, {"roles", roles}, {"known_by", by}, {"expires", expires}});
  }
  if (session.json) {
    session.out() << list.dump(2) << '\n';
  } else {
    table.Print(session.out());
  }
  return kExitOk;
}

int RunRevoke(const Session& session, const TokenOptions& options) {
  const auto clients = Load(options.file, false);
  if (!clients.ok()) return session.Misused(clients.status());
  YAML::Node kept(YAML::NodeType::Sequence);
  for (const YAML::Node& client : *clients) {
    if (client["name"].as<std::string>("") != options.name) kept.push_back(client);
  }
  if (kept.size() == clients->size()) {
    return session.Misused(
        Wrong(options.file, absl::StrCat("there is no client '", options.name, "'")));
  }
  const absl::Status stored = Store(options.file, kept);
  if (!stored.ok()) return session.Misused(stored);
  if (!session.json) session.out() << options.name << " is revoked\n";
  return kExitOk;
}

}  // namespace

void AddToken(CLI::App* app, Session* session) {
  CLI::App* const token = app->add_subcommand(
      "token", "The daemon's file of clients (access.clients_file): make, list, revoke tokens");
  token->require_subcommand(1);
  auto options = std::make_shared<TokenOptions>();
  const auto add = [&](const char* command, const char* help,
                       int (*run)(const Session&, const TokenOptions&)) {
    CLI::App* const added = token->add_subcommand(command, help);
    added->add_option("--file", options->file, "The file of clients")
        ->envname("MIXMATCH_ACCESS_CLIENTS_FILE")
        ->required();
    RunBy(added, session, options, run);
    return added;
  };
  CLI::App* const create = add("create", "Make a client, and print its token once", RunCreate);
  create->add_option("NAME", options->name, "What logs call the client")->required();
  create->add_option("--role", options->roles, "What it may do; repeatable")
      ->required()
      ->check(CLI::IsMember({"ingest", "recall", "teach", "admin"}));
  create->add_option("--certificate", options->certificate,
                     "Known by this name in its certificate, instead of by a token");
  create->add_option("--lifetime", options->lifetime, "Until it expires, such as 720h");
  add("list", "List the clients", RunList);
  add("revoke", "Take a client out", RunRevoke)
      ->add_option("NAME", options->name, "The client")
      ->required();
}

}  // namespace mixmatch::cli
