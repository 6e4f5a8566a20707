// The name of a property says which header it belongs to, by a hash that is good in this process.
#include "server/access/call_client.h"

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace mixmatch {
namespace {

absl::Mutex& Connections() {
  static auto* const kMutex = new absl::Mutex;
  return *kMutex;
}

// Of calls without a token, one for all whatever their headers: they are of the certificate's owner
// or of anyone.
std::string PropertyOf(absl::string_view authorization) {
  constexpr char kName[] = "mixmatch-client";
  if (!absl::StartsWithIgnoreCase(authorization, "bearer ")) return kName;
  return absl::StrCat(kName, "-", absl::Hex(absl::HashOf(authorization)));
}

// The newest of a property's values. Requires the lock.
std::string LastOf(const grpc::AuthContext& connection, const std::string& property) {
  const std::vector<grpc::string_ref> values = connection.FindPropertyValues(property);
  return values.empty() ? "" : std::string(values.back().data(), values.back().size());
}

}  // namespace

absl::string_view AuthorizationOf(
    const std::multimap<grpc::string_ref, grpc::string_ref>& metadata) {
  const auto [begin, end] = metadata.equal_range("authorization");
  return begin == end ? absl::string_view()
                      : absl::string_view(begin->second.data(), begin->second.size());
}

std::vector<std::string> CertificateNames(const grpc::AuthContext& connection) {
  const absl::ReaderMutexLock lock(&Connections());
  std::vector<std::string> names;
  for (const char* const property : {"x509_subject_alternative_name", "x509_common_name"}) {
    for (const grpc::string_ref& value : connection.FindPropertyValues(property)) {
      names.emplace_back(value.data(), value.size());
    }
  }
  return names;
}

void KeepClient(grpc::AuthContext& connection, absl::string_view authorization,
                const std::string& client) {
  const std::string property = PropertyOf(authorization);
  {
    const absl::ReaderMutexLock lock(&Connections());
    if (LastOf(connection, property) == client) return;
  }
  const absl::MutexLock lock(&Connections());
  if (LastOf(connection, property) != client) connection.AddProperty(property, client);
}

std::string ClientOfCall(const grpc::ServerContextBase& call) {
  const auto connection = call.auth_context();
  if (connection == nullptr) return "";
  const std::string property = PropertyOf(AuthorizationOf(call.client_metadata()));
  const absl::ReaderMutexLock lock(&Connections());
  std::string client = LastOf(*connection, property);
  return client.empty() ? LastOf(*connection, PropertyOf("")) : client;
}

}  // namespace mixmatch
