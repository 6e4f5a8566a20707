// Who may call what: one rule for every call of every service.
//
// Takes the name of a call; gives the roles of which the caller needs one. It knows nothing of
// tokens and connections.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace mixmatch {

enum class Role : uint8_t {
  kIngest = 1,  // to give events
  kRecall = 2,  // to ask, to read events, skills and the graph
  kTeach = 4,   // to make, teach and delete skills
  kAdmin = 8,   // everything
};

// A set of roles: their bits together.
using Roles = uint8_t;

constexpr Roles operator|(Role a, Role b) {
  return static_cast<Roles>(static_cast<Roles>(a) | static_cast<Roles>(b));
}
constexpr Roles kNoRoles = 0;
constexpr Roles kAllRoles = 15;

struct AccessRule {
  std::string method;    // "/package.Service/Method"
  Roles any_of = 0;      // the caller has one of them; admin is among them
  bool open = false;     // everyone may call it, known or not
  bool audited = false;  // its end is a line of the audit log: it changes how the daemon runs
};

// Every rule there is.
const std::vector<AccessRule>& AccessRules();

// The rule of a call; nothing for a call that has none, which nobody may make then.
const AccessRule* FindAccessRule(absl::string_view method);

// "ingest", "recall", "teach", "admin".
std::optional<Role> RoleByName(absl::string_view name);
// Of a set, by comma and in the order of the enumeration.
std::string RoleNames(Roles roles);

}  // namespace mixmatch
