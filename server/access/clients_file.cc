// yaml-cpp reads, every key is checked; OpenSSL hashes.
#include "server/access/clients_file.h"

#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

absl::Status Refused(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("file of clients refused: ", what));
}

absl::StatusOr<Roles> ReadRoles(const YAML::Node& node, const std::string& client) {
  Roles roles = kNoRoles;
  if (node && node.IsSequence()) {
    for (const YAML::Node& one : node) {
      const auto role = RoleByName(one.as<std::string>());
      if (!role) {
        return Refused(absl::StrCat("client '", client, "' has the role '", one.as<std::string>(),
                                    "'; there are ", RoleNames(kAllRoles)));
      }
      roles |= static_cast<Roles>(*role);
    }
  }
  if (roles == kNoRoles) {
    return Refused(absl::StrCat("client '", client, "' has no role; give a list, such as roles: [",
                                RoleNames(Role::kIngest | Role::kRecall), "]"));
  }
  return roles;
}

absl::StatusOr<absl::Time> ReadExpiry(const YAML::Node& node, const std::string& client) {
  if (!node) return absl::InfiniteFuture();
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, node.as<std::string>(), &time, &error)) {
    return Refused(absl::StrCat("client '", client, "' expires '", node.as<std::string>(),
                                "'; give a time such as 2027-01-01T00:00:00Z"));
  }
  return time;
}

bool IsHash(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

absl::Status CheckKeys(const YAML::Node& node, const std::string& client) {
  static const std::set<std::string> kKeys = {"name", "roles", "token_sha256", "certificate",
                                              "expires"};
  for (const auto& entry : node) {
    const auto key = entry.first.as<std::string>();
    if (kKeys.count(key) == 0) {
      return Refused(absl::StrCat("client '", client, "' has the unknown key '", key,
                                  "'; there are name, roles, token_sha256, certificate, expires"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string TokenHash(absl::string_view token) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest = {};
  unsigned int size = 0;
  if (EVP_Digest(token.data(), token.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1) {
    return "";
  }
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(digest.data()), size));
}

absl::StatusOr<AccessClients> AccessClients::Parse(const std::string& yaml) {
  AccessClients found;
  try {
    const YAML::Node root = YAML::Load(yaml);
    if (!root.IsMap() || root.size() != 1 || !root["clients"].IsSequence()) {
      return Refused("it is not a list of clients; mixmatchctl token create writes one");
    }
    std::set<std::string> names;
    for (const YAML::Node& node : root["clients"]) {
      const std::string name = node["name"] ? node["name"].as<std::string>() : "";
      if (name.empty() || !names.insert(name).second) {
        return Refused(absl::StrCat("the name '", name, "' is empty or there twice"));
      }
      MM_RETURN_IF_ERROR(CheckKeys(node, name));
      AccessClient client{.name = name};
      MM_ASSIGN_OR_RETURN(client.roles, ReadRoles(node["roles"], name));
      MM_ASSIGN_OR_RETURN(client.expires, ReadExpiry(node["expires"], name));
      const std::string hash = node["token_sha256"] ? node["token_sha256"].as<std::string>() : "";
      const std::string certificate =
          node["certificate"] ? node["certificate"].as<std::string>() : "";
      if (hash.empty() == certificate.empty() || (!hash.empty() && !IsHash(hash))) {
        return Refused(absl::StrCat("client '", name,
                                    "' needs either token_sha256, 64 hexadecimal digits in lower "
                                    "case, or certificate, a name"));
      }
      auto& index = hash.empty() ? found.by_certificate_ : found.by_token_;
      if (!index.emplace(hash.empty() ? certificate : hash, found.clients_.size()).second) {
        return Refused(absl::StrCat("client '", name, "' is known by what another one is"));
      }
      found.clients_.push_back(std::move(client));
    }
  } catch (const YAML::Exception& e) {
    return Refused(absl::StrCat("not as YAML: ", e.what()));
  }
  return found;
}

absl::StatusOr<AccessClients> AccessClients::Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("file of clients not read: '", path,
                                            "'; make it with mixmatchctl token create, or give "
                                            "another access.clients_file"));
  }
  return Parse(text.str());
}

const AccessClient* AccessClients::ByToken(absl::string_view token) const {
  const auto it = by_token_.find(TokenHash(token));
  return it == by_token_.end() ? nullptr : &clients_[it->second];
}

const AccessClient* AccessClients::ByCertificate(const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    const auto it = by_certificate_.find(name);
    if (it != by_certificate_.end()) return &clients_[it->second];
  }
  return nullptr;
}

}  // namespace mixmatch
