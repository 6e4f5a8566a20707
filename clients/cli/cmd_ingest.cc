// mixmatchctl ingest: a manifest into the memory.
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/manifest_ingest.h"
#include "clients/cli/waiting.h"
#include "clients/manifest/line_reader.h"

namespace mixmatch::cli {
namespace {

constexpr char kStateSuffix[] = ".mixmatch-state";

struct IngestArguments {
  std::string manifest;
  std::string state;
  bool no_resume = false;
  uint64_t max_unlearned = 0;
  size_t window = client::IngestOptions().window_events;
  std::string wait = "stored";
  bool allow_rejects = false;
};

double RateOf(const IngestAccount& account) {
  const double seconds = absl::ToDoubleSeconds(account.elapsed);
  return seconds > 0 ? static_cast<double>(account.stored_count + account.duplicate_count) / seconds
                     : 0;
}

void PrintJson(const IngestAccount& account, std::ostream& out) {
  nlohmann::ordered_json json = {{"lines", account.line_count},
                                 {"skipped", account.skipped_count},
                                 {"sent", account.sent_count},
                                 {"stored", account.stored_count},
                                 {"duplicate", account.duplicate_count},
                                 {"rejected", account.rejected_count},
                                 {"last_sequence", account.last_sequence},
                                 {"seconds", absl::ToDoubleSeconds(account.elapsed)},
                                 {"events_per_s", RateOf(account)},
                                 {"rejects", nlohmann::ordered_json::array()}};
  for (const RejectedLine& reject : account.rejects) {
    json["rejects"].push_back({{"line", reject.line},
                               {"code", reject.code},
                               {"field", reject.field},
                               {"reason", reject.reason}});
  }
  out << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

void PrintSummary(const IngestAccount& account, std::ostream& out) {
  out << CountText(account.stored_count) << " stored, " << CountText(account.duplicate_count)
      << " there already, " << CountText(account.rejected_count) << " rejected";
  if (account.skipped_count > 0) {
    out << ", " << CountText(account.skipped_count) << " acknowledged in an earlier run";
  }
  out << "; " << DurationText(account.elapsed) << ", " << NumberText(RateOf(account), 0)
      << " events/s\n";
}

absl::StatusOr<IngestState> OpenState(const IngestArguments& arguments) {
  if (arguments.no_resume) return IngestState();
  return IngestState::Open(arguments.state.empty() ? arguments.manifest + kStateSuffix
                                                   : arguments.state);
}

absl::Status Wait(const Session& session, const client::Client& client,
                  const IngestArguments& arguments, uint64_t sequence) {
  if (arguments.wait == "stored") return absl::OkStatus();
  return WaitForWatermark(session, client, arguments.wait, sequence);
}

int RunIngest(const Session& session, const IngestArguments& arguments) {
  // A missing manifest is told before a state file is made beside it.
  const absl::Status exists = client::LineReader::Open(arguments.manifest).status();
  if (!exists.ok()) return session.Misused(exists);
  absl::StatusOr<IngestState> state = OpenState(arguments);
  if (!state.ok()) return session.Misused(state.status());
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  Progress progress(session.err(), session.progress_style(), "ingest", "events");
  ManifestIngest ingest(arguments.manifest, &*state, &progress);
  const absl::Status prepared = ingest.Prepare(*client);
  if (!prepared.ok()) return session.Fail("ingest", prepared);
  client::IngestOptions options;
  options.window_events = arguments.window;
  options.max_unlearned_events = arguments.max_unlearned;
  absl::Status status = ingest.Run(*client, options);
  const IngestAccount account = ingest.account();
  if (status.ok()) status = Wait(session, *client, arguments, account.last_sequence);
  if (session.json) {
    PrintJson(account, session.out());
  } else {
    PrintSummary(account, session.out());
  }
  if (!status.ok()) return session.Fail("ingest", status);
  return account.rejected_count > 0 && !arguments.allow_rejects ? kExitRejected : kExitOk;
}

}  // namespace

void AddIngest(CLI::App* app, Session* session) {
  CLI::App* const command = app->add_subcommand("ingest", "Stream a manifest's events in");
  auto arguments = std::make_shared<IngestArguments>();
  command->add_option("--manifest,manifest", arguments->manifest, "JSON Lines (MANIFEST.md)")
      ->required();
  command->add_option("--state", arguments->state,
                      "Where to keep what was acknowledged; default: MANIFEST.mixmatch-state");
  command->add_flag("--no-resume", arguments->no_resume,
                    "Send every line, and keep no state of what was acknowledged");
  command
      ->add_option("--max-unlearned", arguments->max_unlearned,
                   "Stay at most this many events ahead of the learner; 0: do not wait for it")
      ->capture_default_str();
  command->add_option("--window", arguments->window, "Events without a result, at most")
      ->check(CLI::Range(size_t{1}, size_t{100'000}))
      ->capture_default_str();
  command->add_option("--wait", arguments->wait, "Wait until everything is so far")
      ->check(CLI::IsMember({"stored", "recallable", "learned"}))
      ->capture_default_str();
  command->add_flag("--allow-rejects", arguments->allow_rejects,
                    "Exit with 0 even if lines were bad or events rejected");
  RunBy(command, session, arguments, RunIngest);
}

}  // namespace mixmatch::cli
