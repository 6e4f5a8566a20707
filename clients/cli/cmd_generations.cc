// mixmatchctl generations: what serves, what was refused; publish and roll back.
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

constexpr size_t kReasonColumnsMax = 1000;

std::string StateOf(const v1::Generation& generation) {
  return absl::AsciiStrToLower(v1::Generation::State_Name(generation.state()));
}

// "mean over pairs 0.934 (was 0.912)".
std::string Scores(const v1::Generation& generation) {
  std::string text;
  for (const v1::GateScore& score : generation.scores()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", score.measure(), " ",
                    NumberText(score.candidate(), 3), " (was ", NumberText(score.serving(), 3),
                    ")");
  }
  return text;
}

struct ListOptions {
  bool scores = false;
};

// One row for each measure of each generation.
void PrintScores(const v1::ListGenerationsResponse& response, std::ostream& out) {
  Table table({{"number", Table::Align::kRight},
               {"measure"},
               {"candidate", Table::Align::kRight},
               {"serving", Table::Align::kRight},
               {"change", Table::Align::kRight},
               {"error", Table::Align::kRight},
               {"allowed", Table::Align::kRight},
               {"probes", Table::Align::kRight}});
  for (const v1::Generation& generation : response.generations()) {
    for (const v1::GateScore& score : generation.scores()) {
      table.AddRow({absl::StrCat(generation.number()), score.measure(),
                    NumberText(score.candidate(), 4), NumberText(score.serving(), 4),
                    absl::StrFormat("%+.4f", score.candidate() - score.serving()),
                    NumberText(score.standard_error(), 4),
                    absl::StrFormat("%+.4f", -score.tolerance()), CountText(score.probe_count())});
    }
  }
  if (table.empty()) return;
  out << '\n';
  table.Print(out);
}

// How far partners lie from each other, one row for each pair of modalities of each generation.
void PrintPartnerDistances(const v1::ListGenerationsResponse& response, std::ostream& out) {
  Table table({{"number", Table::Align::kRight},
               {"from"},
               {"to"},
               {"distance", Table::Align::kRight},
               {"probes", Table::Align::kRight}});
  for (const v1::Generation& generation : response.generations()) {
    for (const v1::PartnerDistance& distance : generation.partner_distances()) {
      table.AddRow({absl::StrCat(generation.number()), distance.from(), distance.to(),
                    NumberText(distance.mean(), 4), CountText(distance.probe_count())});
    }
  }
  if (table.empty()) return;
  out << "\nHow far a percept lies from its partner (1 - cosine)\n";
  table.Print(out);
}

int RunList(const Session& session, const ListOptions& options) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::ListGenerationsResponse> response = client->ListGenerations();
  if (!response.ok()) return session.Fail("generations list", response.status());
  if (session.json) {
    session.PrintJson(*response);
    return kExitOk;
  }
  Table table({{"number", Table::Align::kRight},
               {"state"},
               {"made"},
               {"by"},
               {"steps", Table::Align::kRight},
               {"learned", Table::Align::kRight},
               {"embeddings", Table::Align::kRight},
               {"took", Table::Align::kRight},
               {"reason"}},
              kReasonColumnsMax);
  for (const v1::Generation& generation : response->generations()) {
    table.AddRow(
        {absl::StrCat(generation.number()), StateOf(generation), TimeText(generation.create_time()),
         generation.trigger(), CountText(generation.steps()), CountText(generation.learned()),
         CountText(generation.embedding_count()),
         generation.has_publish_time() ? DurationText(ToDuration(generation.publish_time())) : "",
         generation.reason()});
  }
  table.Print(session.out());
  if (options.scores) {
    PrintScores(*response, session.out());
    PrintPartnerDistances(*response, session.out());
  }
  return kExitOk;
}

int RunPublish(const Session& session) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  absl::StatusOr<v1::PublishGenerationResponse> last;
  {
    Progress progress(session.err(), session.progress_style(), "publish", "embeddings");
    last = client->PublishGeneration([&](const v1::PublishGenerationResponse& response) {
      std::optional<absl::Duration> remaining;
      if (response.has_remaining()) remaining = ToDuration(response.remaining());
      progress.Update(
          response.done_count(), response.total_count(),
          absl::AsciiStrToLower(v1::PublishGenerationResponse::Phase_Name(response.phase())),
          remaining);
      return true;
    });
  }
  if (!last.ok()) return session.Fail("generations publish", last.status());
  if (session.json) {
    session.PrintJson(*last);
    return kExitOk;
  }
  const bool published = last->phase() == v1::PublishGenerationResponse::PUBLISHED;
  session.out() << "generation " << last->generation().number()
                << (published ? " is published" : " is refused") << " after "
                << DurationText(ToDuration(last->elapsed())) << ": "
                << Printable(last->generation().reason(), 1000) << '\n';
  const std::string scores = Scores(last->generation());
  if (!scores.empty()) session.out() << "scores: " << Printable(scores, 1000) << '\n';
  return kExitOk;
}

int RunRollback(const Session& session) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::RollbackGenerationResponse> response = client->RollbackGeneration();
  if (!response.ok()) return session.Fail("generations rollback", response.status());
  if (session.json) {
    session.PrintJson(*response);
  } else {
    session.out() << "generation " << response->serving().number() << " serves again\n";
  }
  return kExitOk;
}

}  // namespace

void AddGenerations(CLI::App* app, Session* session) {
  CLI::App* const generations =
      app->add_subcommand("generations", "List, publish or roll back generations");
  generations->require_subcommand(0, 1);
  generations->fallthrough();
  auto options = std::make_shared<ListOptions>();
  generations->add_flag("--scores", options->scores, "List what the gate measured of each, too");
  // Without a subcommand it lists.
  generations->callback([generations, session, options] {
    if (generations->get_subcommands().empty()) session->exit_code = RunList(*session, *options);
  });
  RunBy(generations->add_subcommand("list", "List them, newest first (the default)"), session,
        options, RunList);
  RunBy(generations->add_subcommand(
            "publish", "Judge what was learned; if it is not worse, re-embed all and swap"),
        session, RunPublish);
  RunBy(generations->add_subcommand("rollback", "Let the previous generation serve again"), session,
        RunRollback);
}

}  // namespace mixmatch::cli
