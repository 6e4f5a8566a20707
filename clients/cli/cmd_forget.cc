// mixmatchctl forget: takes events out of the memory for good.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/restoring.h"

namespace mixmatch::cli {
namespace {

struct ForgetOptions {
  std::vector<std::string> events;
  FilterArguments filter;
  std::vector<std::string> modalities;
  bool dry_run = false;
  bool allow_again = false;
  bool retrain = false;
  bool purge_copies = false;
};

absl::StatusOr<v1::ForgetRequest> BuildRequest(const ForgetOptions& options) {
  v1::ForgetRequest request;
  for (const std::string& key : options.events) *request.add_events() = ParseKey(key);
  absl::StatusOr<v1::Filter> filter = options.filter.Build();
  if (!filter.ok()) return filter.status();
  filter->mutable_modalities()->Add(options.modalities.begin(), options.modalities.end());
  if (options.events.empty() == (filter->ByteSizeLong() == 0)) {
    return absl::InvalidArgumentError(
        "forget: name events with --event, or say which with a filter; one of them");
  }
  *request.mutable_filter() = *std::move(filter);
  request.set_dry_run(options.dry_run);
  request.set_allow_again(options.allow_again);
  request.set_retrain(options.retrain);
  request.set_purge_copies(options.purge_copies);
  return request;
}

void Print(const v1::ForgetResponse& response, const ForgetOptions& options, std::ostream& out) {
  out << CountText(response.event_count()) << " events"
      << (options.dry_run ? " would be forgotten: " : " are forgotten: ")
      << CountText(response.percept_count()) << " percepts, " << CountText(response.lesson_count())
      << " lessons of skills, in " << CountText(response.episode_count()) << " episodes\n";
  if (response.event_count() == 0) return;
  if (!response.generations().empty()) {
    out << "weights that were trained while they were stored: generation "
        << absl::StrJoin(response.generations(), ", ")
        << (options.retrain
                ? "; a new learner begins, and takes their place when it passes the gate"
                : "; --retrain begins a new learner from what remains")
        << '\n';
  }
  const char* const copies = options.purge_copies && !options.dry_run
                                 ? "deleted with them: "
                                 : "may still hold them (--purge-copies deletes these): ";
  if (!response.snapshots().empty()) {
    out << copies << "snapshots " << absl::StrJoin(response.snapshots(), ", ") << '\n';
  }
  if (!response.backups().empty()) {
    out << copies << "backups " << absl::StrJoin(response.backups(), ", ") << '\n';
  }
}

int RunForget(const Session& session, const ForgetOptions& options) {
  const absl::StatusOr<v1::ForgetRequest> request = BuildRequest(options);
  if (!request.ok()) return session.Misused(request.status());
  return session.Answer(
      "forget",
      [&](const client::Client& client) -> absl::StatusOr<v1::ForgetResponse> {
        const auto before = client.GetStatus();
        if (!before.ok()) return before.status();
        absl::StatusOr<v1::ForgetResponse> response = client.Forget(*request);
        if (!response.ok() || !response->restarts()) return response;
        const absl::Status again = AwaitRestart(client, before->start_time());
        if (!again.ok()) return again;
        // What is forgotten is not found any more.
        v1::ForgetRequest question = *request;
        question.set_dry_run(true);
        const auto left = client.Forget(question);
        if (!left.ok() && !absl::IsNotFound(left.status())) return left.status();
        if (left.ok() && left->event_count() > 0) {
          return absl::InternalError(
              absl::StrCat(left->event_count(),
                           " events are not forgotten yet; see the warnings of the status"));
        }
        // Nor is it in any file.
        const auto after = client.GetStatus();
        if (!after.ok()) return after.status();
        if (!after->not_forgotten().empty()) return absl::InternalError(after->not_forgotten());
        return response;
      },
      [&](const v1::ForgetResponse& response) { Print(response, options, session.out()); });
}

}  // namespace

void AddForget(CLI::App* app, Session* session) {
  CLI::App* const command = app->add_subcommand(
      "forget", "Remove events and everything made of them from the disk, for good");
  auto options = std::make_shared<ForgetOptions>();
  AddRepeatable(command, "--event", &options->events, "The event SOURCE/EVENT_ID");
  options->filter.AddTo(command);
  AddRepeatable(command, "--modality", &options->modalities,
                "Events that have a percept of this modality");
  command->add_flag("--dry-run", options->dry_run, "Only say what would go");
  command->add_flag("--allow-again", options->allow_again,
                    "Take them when they are sent again; else they are refused");
  command->add_flag("--retrain", options->retrain, "Begin a new learner, from what remains");
  command->add_flag("--purge-copies", options->purge_copies,
                    "Delete the snapshots and backups that may hold them");
  RunBy(command, session, options, RunForget);
}

}  // namespace mixmatch::cli
