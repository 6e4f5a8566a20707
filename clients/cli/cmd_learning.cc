// mixmatchctl learning and consolidate: steering the learner.
#include <utility>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/manifest/times.h"

namespace mixmatch::cli {
namespace {

struct ConsolidateOptions {
  uint64_t steps = 0;
  double seconds = 0;
};

int SetLearning(const Session& session, bool paused) {
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::Status done = paused ? client->PauseLearning() : client->ResumeLearning();
  if (!done.ok()) return session.Fail(paused ? "learning pause" : "learning resume", done);
  if (session.json) {
    session.out() << "{\"learning\": \"" << (paused ? "paused" : "resumed") << "\"}\n";
  } else {
    session.out() << "learning is " << (paused ? "paused" : "resumed") << '\n';
  }
  return kExitOk;
}

int RunPause(const Session& session) { return SetLearning(session, true); }
int RunResume(const Session& session) { return SetLearning(session, false); }

// Steps count up to what was asked; with a time asked for, seconds do.
void ShowConsolidation(const v1::ConsolidateResponse& response, double seconds_asked,
                       Progress* progress) {
  std::string detail = absl::StrCat("loss ", NumberText(response.loss(), 3));
  if (seconds_asked > 0) {
    const absl::Duration elapsed = ToDuration(response.elapsed());
    absl::StrAppend(&detail, "  ", NumberText(response.steps_per_s(), 1), " steps/s  ",
                    DurationText(elapsed), " of ", DurationText(absl::Seconds(seconds_asked)));
    progress->Update(response.steps_done(), 0, detail);
    return;
  }
  progress->Update(response.steps_done(), response.steps_asked(), detail);
}

int RunConsolidate(const Session& session, const ConsolidateOptions& options) {
  v1::ConsolidateRequest request;
  if (options.steps > 0) request.set_steps(options.steps);
  if (options.seconds > 0) {
    absl::StatusOr<google::protobuf::Duration> time = client::DurationFromSeconds(options.seconds);
    if (!time.ok()) return session.Misused(time.status());
    *request.mutable_time() = *std::move(time);
  }
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  absl::StatusOr<v1::ConsolidateResponse> last;
  {
    Progress progress(session.err(), session.progress_style(), "consolidate", "steps");
    last = client->Consolidate(request, [&](const v1::ConsolidateResponse& response) {
      ShowConsolidation(response, options.seconds, &progress);
      return true;
    });
  }
  if (!last.ok()) return session.Fail("consolidate", last.status());
  if (session.json) {
    session.PrintJson(*last);
  } else {
    session.out() << CountText(last->steps_done()) << " steps in "
                  << DurationText(ToDuration(last->elapsed())) << ", "
                  << NumberText(last->steps_per_s(), 1) << "/s, loss "
                  << NumberText(last->loss(), 3) << '\n';
  }
  return kExitOk;
}

}  // namespace

void AddLearning(CLI::App* app, Session* session) {
  CLI::App* const learning =
      app->add_subcommand("learning", "Pause or resume learning; show how it went");
  learning->require_subcommand(1);
  learning->fallthrough();
  RunBy(learning->add_subcommand("pause", "Stop learning until resumed"), session, RunPause);
  RunBy(learning->add_subcommand("resume", "Let learning go on"), session, RunResume);
  AddLearningReport(learning, session);
}

void AddConsolidate(CLI::App* app, Session* session) {
  CLI::App* const command =
      app->add_subcommand("consolidate", "Train on stored episodes now (default: 300 steps)");
  auto options = std::make_shared<ConsolidateOptions>();
  CLI::Option* const steps =
      command->add_option("--steps", options->steps, "This many optimiser steps")
          ->check(CLI::PositiveNumber);
  command->add_option("--seconds", options->seconds, "As many as fit into this time")
      ->check(CLI::PositiveNumber)
      ->excludes(steps);
  RunBy(command, session, options, RunConsolidate);
}

}  // namespace mixmatch::cli
