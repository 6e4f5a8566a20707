// The table, service by service.
#include "server/access/rules.h"

#include <array>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace mixmatch {
namespace {

constexpr std::array<std::pair<Role, const char*>, 4> kNames = {{{Role::kIngest, "ingest"},
                                                                 {Role::kRecall, "recall"},
                                                                 {Role::kTeach, "teach"},
                                                                 {Role::kAdmin, "admin"}}};

constexpr Roles kIngest = Role::kIngest | Role::kAdmin;
constexpr Roles kRecall = Role::kRecall | Role::kAdmin;
constexpr Roles kTeach = Role::kTeach | Role::kAdmin;
constexpr Roles kAdmin = Role::kAdmin | Role::kAdmin;
constexpr Roles kTaught = kRecall | kTeach;     // reads what teaching wrote
constexpr Roles kProgress = kRecall | kIngest;  // how far the memory is

void Add(std::vector<AccessRule>& rules, const char* service, Roles roles,
         std::initializer_list<const char*> methods, bool audited = false) {
  for (const char* const method : methods) {
    rules.push_back(
        {.method = absl::StrCat("/", service, "/", method), .any_of = roles, .audited = audited});
  }
}

std::vector<AccessRule> MakeRules() {
  std::vector<AccessRule> rules;
  Add(rules, "mixmatch.v1.Memory", kIngest, {"Ingest", "IngestBatch"});
  Add(rules, "mixmatch.v1.Memory", kRecall,
      {"Recall", "GetEvent", "ListEvents", "GetEpisode", "Embed"});
  Add(rules, "mixmatch.v1.Memory", kProgress, {"GetWatermarks"});
  Add(rules, "mixmatch.v1.Skills", kTeach, {"CreateSkill", "DeleteSkill", "Teach", "Unteach"});
  Add(rules, "mixmatch.v1.Skills", kTaught, {"GetSkill", "ListSkills", "Predict", "Evaluate"});
  Add(rules, "mixmatch.v1.Graph", kRecall,
      {"ListConcepts", "GetConcept", "ListAssociations", "Associate", "PredictNext", "FindPath",
       "GetTimeline"});
  Add(rules, "mixmatch.v1.Admin", kAdmin, {"GetStatus", "GetLearningReport", "ListGenerations"});
  Add(rules, "mixmatch.v1.Admin", kAdmin,
      {"PauseLearning", "ResumeLearning", "Consolidate", "PublishGeneration", "RollbackGeneration",
       "Forget"},
      true);
  Add(rules, "mixmatch.v1.Snapshots", kAdmin,
      {"ListSnapshots", "VerifySnapshot", "ListBackups", "VerifyBackup"});
  Add(rules, "mixmatch.v1.Snapshots", kAdmin,
      {"CreateSnapshot", "RestoreSnapshot", "DeleteSnapshot", "DownloadSnapshot", "CreateBackup",
       "DeleteBackup", "FetchBackup"},
      true);
  Add(rules, "grpc.reflection.v1alpha.ServerReflection", kAllRoles, {"ServerReflectionInfo"});
  for (const char* const method : {"Check", "Watch"}) {
    rules.push_back({.method = absl::StrCat("/grpc.health.v1.Health/", method), .open = true});
  }
  return rules;
}

}  // namespace

const std::vector<AccessRule>& AccessRules() {
  static const auto* const rules = new std::vector<AccessRule>(MakeRules());
  return *rules;
}

const AccessRule* FindAccessRule(absl::string_view method) {
  static const auto* const by_method = [] {
    auto* const made = new std::map<std::string, const AccessRule*, std::less<>>();
    for (const AccessRule& rule : AccessRules()) made->emplace(rule.method, &rule);
    return made;
  }();
  const auto it = by_method->find(std::string(method));
  return it == by_method->end() ? nullptr : it->second;
}

std::optional<Role> RoleByName(absl::string_view name) {
  for (const auto& [role, known] : kNames) {
    if (name == known) return role;
  }
  return std::nullopt;
}

std::string RoleNames(Roles roles) {
  std::vector<const char*> names;
  for (const auto& [role, name] : kNames) {
    if ((roles & static_cast<Roles>(role)) != 0) names.push_back(name);
  }
  return absl::StrJoin(names, ",");
}

}  // namespace mixmatch
