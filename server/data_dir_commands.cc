// Findings: a line for each, the worst first; JSON with all fields.
#include "server/data_dir_commands.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "core/media/sense.h"
#include "storage/check/fsck.h"
#include "storage/check/rebuild.h"
#include "storage/check/salvage.h"
#include "storage/database.h"
#include "storage/exchange/exchange.h"

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

// What was stored once was within the limits of then.
absl::StatusOr<Features> PerceiveStored(const Percept& percept) {
  SenseLimits limits;
  limits.image_pixels_max = uint64_t{1} << 40;
  limits.audio_seconds_max = 1e9;
  return Perceive(percept, limits);
}

int EndExchange(const absl::StatusOr<ExchangeCounts>& counts, const std::string& place,
                std::ostream& out, std::ostream& err) {
  if (!counts.ok()) {
    err << "mixmatchd: " << counts.status().message() << '\n';
    const bool misused =
        absl::IsNotFound(counts.status()) || absl::IsAlreadyExists(counts.status());
    return misused ? 2 : 1;
  }
  out << counts->events << " events, " << counts->lessons << " lessons and " << counts->weights
      << " sets of weights are in " << place << '\n';
  return 0;
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
  auto report = Salvage(data_dir + "/db", to + "/db", PerceiveStored, Teller("salvage", err));
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

int RunExport(const std::string& data_dir, const std::string& to, bool weights, std::ostream& out,
              std::ostream& err) {
  return EndExchange(Export(data_dir + "/db", to, {.weights = weights}, Teller("export", err)), to,
                     out, err);
}

int RunImport(const std::string& data_dir, const std::string& from, bool weights, std::ostream& out,
              std::ostream& err) {
  std::error_code ignored;
  std::filesystem::create_directories(data_dir, ignored);
  return EndExchange(
      Import(from, data_dir + "/db", {.weights = weights}, PerceiveStored, Teller("import", err)),
      data_dir, out, err);
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
  const absl::Status rebuilt =
      Rebuild(database->get(), *part, PerceiveStored, Teller("rebuild", err));
  if (!rebuilt.ok()) {
    err << "mixmatchd: " << rebuilt.message() << '\n';
    return 1;
  }
  out << what
      << (*part == RebuildWhat::kKeys || *part == RebuildWhat::kFeatures
              ? " are made anew"
              : " are made anew at the next start")
      << '\n';
  return 0;
}

}  // namespace mixmatch
