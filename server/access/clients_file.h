// The file of clients: who there is, how each is known, and what it may do.
//
// Takes YAML; gives clients by token or by certificate. It holds no token, only hashes of them:
//
//   clients:
//     - name: robot-1
//       roles: [ingest, recall]
//       token_sha256: 64 hexadecimal digits
//       expires: 2027-01-01T00:00:00Z    # never, where it is left out
//     - name: lab
//       roles: [admin]
//       certificate: lab.example.org     # a name in the certificate that it shows
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/access/rules.h"

namespace mixmatch {

struct AccessClient {
  std::string name;
  Roles roles = kNoRoles;
  absl::Time expires = absl::InfiniteFuture();
};

// SHA-256 in hexadecimal digits. Tokens are long and random: a slow hash would protect no better.
std::string TokenHash(absl::string_view token);

// Thread-safety: Immutable; safe to share.
class AccessClients {
 public:
  // Reads the text of a file. INVALID_ARGUMENT names the client, what is wrong and what is allowed.
  static absl::StatusOr<AccessClients> Parse(const std::string& yaml);
  // The same from a file. NOT_FOUND where it cannot be read.
  static absl::StatusOr<AccessClients> Read(const std::string& path);

  const AccessClient* ByToken(absl::string_view token) const;
  // By any of the names of a verified certificate.
  const AccessClient* ByCertificate(const std::vector<std::string>& names) const;
  size_t size() const { return clients_.size(); }

 private:
  std::vector<AccessClient> clients_;
  std::map<std::string, size_t> by_token_;  // hash → place
  std::map<std::string, size_t> by_certificate_;
};

}  // namespace mixmatch
