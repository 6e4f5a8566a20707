// mixmatchctl learning report: how learning went, as tables, JSON and a picture.
#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/learning_charts.h"
#include "clients/cli/period_columns.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

constexpr int kJudgementsShown = 20;

struct ReportOptions {
  std::string svg;
};

// "+0.021", "-0.003"; "" for what cannot be said yet.
std::string SignedText(std::optional<double> value) {
  return value ? absl::StrFormat("%+.3f", *value) : "";
}

void PrintFacts(const v1::GetLearningReportResponse& report, std::ostream& out) {
  const v1::ContinualMeasures& measures = report.measures();
  const auto known = [](bool has, double value) {
    return has ? std::optional<double>(value) : std::nullopt;
  };
  Table table(
      {{"steps"},
       {absl::StrCat(CountText(report.steps_total()), " (stream ", CountText(report.steps_stream()),
                     ", consolidation ", CountText(report.steps_consolidation()), "), ",
                     NumberText(report.steps_per_s(), 1), "/s")}});
  table.AddRow(
      {"time learning", absl::StrCat(NumberText(100 * report.learning_time_share(), 1),
                                     " %: ", DurationText(ToDuration(report.step_time())), " of ",
                                     DurationText(ToDuration(report.wall_time())))});
  table.AddRow({"average accuracy", measures.has_average_accuracy()
                                        ? absl::StrCat(NumberText(measures.average_accuracy(), 3),
                                                       " (1 perfect, 0.5 chance)")
                                        : "no candidate was judged on periods yet"});
  const std::string forgetting =
      SignedText(known(measures.has_forgetting(), measures.forgetting()));
  if (!forgetting.empty()) table.AddRow({"forgetting", forgetting});
  const std::string transfer =
      SignedText(known(measures.has_backward_transfer(), measures.backward_transfer()));
  if (!transfer.empty()) table.AddRow({"backward transfer", transfer});
  table.Print(out);
}

void PrintLosses(const v1::GetLearningReportResponse& report, std::ostream& out) {
  std::map<std::string, double> first;
  for (const v1::LearningHistoryRow& row : report.rows()) {
    for (const v1::PairLoss& pair : row.pairs()) first.try_emplace(pair.pair(), pair.loss());
  }
  std::map<std::string, double> now;
  for (const v1::PairLoss& pair : report.recent().pairs()) now[pair.pair()] = pair.loss();
  Table table({{"loss of"},
               {"at start", Table::Align::kRight},
               {"now", Table::Align::kRight},
               {"change", Table::Align::kRight}});
  for (const auto& [pair, at_start] : first) {
    const auto last = now.find(pair);
    if (last == now.end()) {
      table.AddRow({pair, NumberText(at_start, 3), "", ""});
    } else {
      table.AddRow({pair, NumberText(at_start, 3), NumberText(last->second, 3),
                    SignedText(last->second - at_start)});
    }
  }
  if (table.empty()) return;
  out << '\n';
  table.Print(out);
}

void PrintMatrix(const v1::GetLearningReportResponse& report, std::ostream& out) {
  const PeriodColumns columns = PeriodColumnsOf(report);
  if (columns.first_ordinals.empty()) return;
  std::vector<Table::Column> titles = {{"candidate", Table::Align::kRight},
                                       {"state"},
                                       {"steps", Table::Align::kRight},
                                       {"mean", Table::Align::kRight}};
  for (const uint64_t first : columns.first_ordinals) {
    titles.push_back({CountText(first), Table::Align::kRight});
  }
  Table table(std::move(titles));
  const int hidden = std::max(0, report.judgements_size() - kJudgementsShown);
  for (int i = hidden; i < report.judgements_size(); ++i) {
    const v1::Judgement& judgement = report.judgements(i);
    std::vector<std::string> cells = {
        CountText(judgement.number()),
        absl::AsciiStrToLower(v1::Generation::State_Name(judgement.state())),
        CountText(judgement.steps()), NumberText(judgement.average_score(), 3)};
    for (const std::optional<double>& score : ScoresOf(judgement, columns)) {
      cells.push_back(score ? NumberText(*score, 3) : "");
    }
    table.AddRow(std::move(cells));
  }
  out << "\nscores by period of " << CountText(columns.length)
      << " closed episodes, named by its first\n";
  table.Print(out);
  if (hidden > 0) out << CountText(static_cast<uint64_t>(hidden)) << " earlier ones: --json\n";
}

int RunReport(const Session& session, const ReportOptions& options) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::GetLearningReportResponse> report = client->GetLearningReport();
  if (!report.ok()) return session.Fail("learning report", report.status());
  if (!options.svg.empty()) {
    std::ofstream file(options.svg, std::ios::binary);
    file << LearningSvg(*report);
    file.close();
    if (!file) {
      return session.Misused(absl::InvalidArgumentError(
          absl::StrCat("--svg ", options.svg, ": it cannot be written; name another file")));
    }
  }
  if (session.json) {
    session.PrintJson(*report);
    return kExitOk;
  }
  PrintFacts(*report, session.out());
  PrintLosses(*report, session.out());
  PrintMatrix(*report, session.out());
  if (!options.svg.empty()) session.out() << "\npicture: " << Printable(options.svg, 1000) << '\n';
  return kExitOk;
}

}  // namespace

void AddLearningReport(CLI::App* learning, Session* session) {
  CLI::App* const command = learning->add_subcommand(
      "report", "How learning went: losses, and what is still known of the past");
  auto options = std::make_shared<ReportOptions>();
  command->add_option("--svg", options->svg, "Draw it into this FILE too");
  RunBy(command, session, options, RunReport);
}

}  // namespace mixmatch::cli
