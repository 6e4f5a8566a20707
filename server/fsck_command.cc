// One line for each finding, the worst first; JSON with all fields.
#include "server/fsck_command.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/media/sense.h"
#include "storage/check/fsck.h"
#include "storage/check/rebuild.h"
#include "storage/check/salvage.h"
#include "storage/database.h"

namespace mixmatch {
namespace {

constexpr absl::Duration kProgressEvery = absl::Seconds(5);

std::string SequenceText(const FsckFinding& finding) {
  if (finding.last_seq == 0) return "";
  if (finding.first_seq == finding.last_seq) return absl::StrCat(" sequence ", finding.last_seq);
  return absl::StrCat(" sequences ", finding.first_seq, " to ", finding.last_seq);
}

void PrintText(const FsckReport& report, std::ostream& out) {
  for (const FsckFinding& finding : report.findings) {
    out << (finding.ground ? "lost     " : "derived  ") << finding.family << SequenceText(finding)
        << (finding.key.empty() ? "" : " key " + finding.key) << ": " << finding.what << '\n';
  }
  const uint64_t all = report.ground_count + report.derived_count;
  if (all > report.findings.size()) {
    out << "and " << all - report.findings.size() << " findings more\n";
  }
  out << report.values << " values, " << report.events << " events: ";
  if (report.whole()) {
    out << "whole\n";
    return;
  }
  out << report.ground_count << " findings in ground state, " << report.derived_count
      << " in what is derived from it\n";
}

void PrintJson(const FsckReport& report, std::ostream& out) {
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  for (const FsckFinding& finding : report.findings) {
    findings.push_back({{"family", finding.family},
                        {"key", finding.key},
                        {"first_sequence", finding.first_seq},
                        {"last_sequence", finding.last_seq},
                        {"ground", finding.ground},
                        {"what", finding.what}});
  }
  const nlohmann::ordered_json all = {{"values", report.values},
                                      {"events", report.events},
                                      {"ground", report.ground_count},
                                      {"derived", report.derived_count},
                                      {"findings", findings}};
  out << all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

// Says now and then how far it is.
FsckProgress Teller(const char* what, std::ostream& err) {
  return [what, &err, told = absl::Now()](std::string_view part, uint64_t done) mutable {
    const absl::Time now = absl::Now();
    if (now < told + kProgressEvery) return;
    told = now;
    err << what << ": " << part << ": " << done << " values" << std::endl;
  };
}

}  // namespace

int RunFsck(const std::string& data_dir, bool json, std::ostream& out, std::ostream& err) {
  auto report = Fsck(data_dir + "/db", Teller("fsck", err));
  if (!report.ok()) {
    err << "mixmatchd: " << report.status().message() << '\n';
    return 2;
  }
  std::stable_sort(
      report->findings.begin(), report->findings.end(),
      [](const FsckFinding& a, const FsckFinding& b) { return a.ground && !b.ground; });
  if (json) {
    PrintJson(*report, out);
  } else {
    PrintText(*report, out);
  }
  return report->whole() ? kFsckWhole : kFsckFindings;
}

int RunSalvage(const std::string& data_dir, const std::string& to, bool json, std::ostream& out,
               std::ostream& err) {
  const auto make_features = [](const Percept& percept) {
    return Perceive(percept, SenseLimits());
  };
  auto report = Salvage(data_dir + "/db", to + "/db", make_features, Teller("salvage", err));
  if (!report.ok()) {
    err << "mixmatchd: " << report.status().message() << '\n';
    return 2;
  }
  if (json) {
    PrintJson(*report, out);
  } else {
    PrintText(*report, out);
    out << report->events << " events are in " << to << '\n';
  }
  return report->whole() ? kFsckWhole : kFsckFindings;
}

int RunRebuild(const std::string& data_dir, const std::string& what, std::ostream& out,
               std::ostream& err) {
  const auto part = ParseRebuildWhat(what);
  const auto database = part.ok() ? Database::Open(data_dir + "/db", {.create_if_missing = false})
                                  : absl::StatusOr<std::unique_ptr<Database>>(part.status());
  if (!database.ok()) {
    err << "mixmatchd: " << database.status().message() << '\n';
    return 2;
  }
  const absl::Status rebuilt = Rebuild(database->get(), *part, Teller("rebuild", err));
  if (!rebuilt.ok()) {
    err << "mixmatchd: " << rebuilt.message() << '\n';
    return 1;
  }
  out << what
      << (*part == RebuildWhat::kKeys ? " are made anew" : " are made anew at the next start")
      << '\n';
  return 0;
}

}  // namespace mixmatch
