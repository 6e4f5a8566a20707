// mixmatchctl eval: how well recall finds what a file of queries calls relevant.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"
#include "clients/cli/evaluation.h"
#include "clients/cli/format.h"

namespace mixmatch::cli {
namespace {

struct EvalOptions {
  std::string queries;
  uint32_t k = 0;
};

absl::StatusOr<std::vector<client::Line>> ReadLines(const std::string& path) {
  absl::StatusOr<client::LineReader> reader = client::LineReader::Open(path);
  if (!reader.ok()) return reader.status();
  std::vector<client::Line> lines;
  while (std::optional<client::Line> line = reader->Next()) lines.push_back(*std::move(line));
  if (lines.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no queries; see MANIFEST.md"));
  }
  return lines;
}

int RunEval(const Session& session, const EvalOptions& options) {
  const absl::StatusOr<std::vector<client::Line>> lines = ReadLines(options.queries);
  if (!lines.ok()) return session.Misused(lines.status());
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  Progress progress(session.err(), session.progress_style(), "eval", "queries");
  Evaluation evaluation(&*client, client::FolderOf(options.queries), options.k, &progress);
  const absl::Status asked = evaluation.Run(*lines);
  if (!asked.ok()) return session.Fail("eval", asked);
  if (evaluation.ks().size() > 1) {
    return session.Misused(absl::InvalidArgumentError(
        absl::StrCat("eval: the queries ask for different k (", *evaluation.ks().begin(), " and ",
                     *evaluation.ks().rbegin(), "); give -k")));
  }
  if (evaluation.hopeless_count() > 0) {
    session.err() << "mixmatchctl: " << CountText(evaluation.hopeless_count())
                  << " queries have nothing relevant stored; they count as 0\n";
  }
  const uint32_t k = evaluation.ks().empty() ? Evaluation::kDefaultK : *evaluation.ks().begin();
  if (session.json) {
    session.out() << evaluation.report().Json(k) << '\n';
  } else {
    evaluation.report().PrintTable(k, session.out());
  }
  return evaluation.bad_line_count() > 0 ? kExitRejected : kExitOk;
}

}  // namespace

void AddEval(CLI::App* app, Session* session) {
  CLI::App* const command =
      app->add_subcommand("eval", "Ask a file of queries and judge the answers (P@k and others)");
  auto options = std::make_shared<EvalOptions>();
  command->add_option("--queries,queries", options->queries, "JSON Lines (MANIFEST.md)")
      ->required();
  command->add_option("-k", options->k, "Results per query; default: as the queries say, or 10")
      ->check(CLI::Range(1, 1000));
  RunBy(command, session, options, RunEval);
}

}  // namespace mixmatch::cli
