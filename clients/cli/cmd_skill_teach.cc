// mixmatchctl skill teach, unteach, evaluate: examples one by one, or all events of a filter.
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/progress.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

constexpr uint32_t kPage = 2000;  // events that a call looks at

struct ExampleOptions {
  std::string name;
  PerceptArguments percepts;
  std::string event;
  FilterArguments filter;
  bool every = false;
  std::string metadata_key;
  std::vector<std::string> labels;
  double number = 0;
  bool everything = false;  // of unteach

  bool single() const { return !event.empty() || !percepts.empty(); }
};

void AddExamples(CLI::App* command, ExampleOptions* options) {
  command->add_option("NAME", options->name, "The skill")->required();
  options->percepts.AddTo(command);
  command->add_option("--event", options->event, "The stored event SOURCE/EVENT_ID");
  command->add_flag("--every", options->every, "Every event that passes the filter below");
  options->filter.AddTo(command);
}

void AddLessons(CLI::App* command, ExampleOptions* options) {
  command->add_option("--from", options->metadata_key,
                      "With --every: the metadata key that says the label or the number");
  AddRepeatable(command, "--label", &options->labels, "Label");
  command->add_option("--number", options->number, "Number, for a skill of numbers");
}

absl::Status CheckExamples(const std::string& command, const ExampleOptions& options) {
  const int ways = static_cast<int>(!options.event.empty()) +
                   static_cast<int>(!options.percepts.empty()) + static_cast<int>(options.every) +
                   static_cast<int>(options.everything);
  if (ways == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(command, ": give percepts, an --event, or --every with a filter; one of them"));
}

absl::StatusOr<v1::ExampleTarget> Target(const ExampleOptions& options) {
  v1::ExampleTarget target;
  if (!options.event.empty()) {
    *target.mutable_event() = ParseKey(options.event);
    return target;
  }
  absl::StatusOr<v1::PerceptMixture> mixture = options.percepts.Build();
  if (!mixture.ok()) return mixture.status();
  *target.mutable_percepts() = *std::move(mixture);
  return target;
}

absl::StatusOr<v1::ExampleFilter> Events(const ExampleOptions& options) {
  v1::ExampleFilter events;
  absl::StatusOr<v1::Filter> filter = options.filter.Build();
  if (!filter.ok()) return filter.status();
  *events.mutable_filter() = *std::move(filter);
  events.set_metadata_key(options.metadata_key);
  events.mutable_labels()->Add(options.labels.begin(), options.labels.end());
  events.set_limit(kPage);
  return events;
}

absl::StatusOr<v1::TaughtExample> Example(const ExampleOptions& options) {
  v1::TaughtExample example;
  absl::StatusOr<v1::ExampleTarget> target = Target(options);
  if (!target.ok()) return target.status();
  *example.mutable_example() = *std::move(target);
  example.mutable_labels()->Add(options.labels.begin(), options.labels.end());
  example.set_number(options.number);
  return example;
}

// Fills in what to teach or to judge, out of the command line.
template <typename Request>
absl::Status Fill(const std::string& command, const ExampleOptions& options, Request& request) {
  const absl::Status usage = CheckExamples(command, options);
  if (!usage.ok()) return usage;
  request.set_skill(options.name);
  if (options.single()) {
    absl::StatusOr<v1::TaughtExample> example = Example(options);
    if (!example.ok()) return example.status();
    *request.add_examples() = *std::move(example);
  } else {
    absl::StatusOr<v1::ExampleFilter> events = Events(options);
    if (!events.ok()) return events.status();
    *request.mutable_events() = *std::move(events);
  }
  return absl::OkStatus();
}

// Sends `request`, which has a filter or not, until there is no further page; `add` takes each
// answer in and returns how many examples it was about.
template <typename Request, typename Call, typename Add>
absl::Status Pages(const Session& session, const std::string& what, Request& request, Call call,
                   Add add) {
  Progress progress(session.err(), session.progress_style(), what, "examples");
  uint64_t done = 0;
  while (true) {
    const auto response = call(request);
    if (!response.ok()) return response.status();
    done += add(*response);
    if (!request.has_events() || response->next_after_sequence() == 0) return absl::OkStatus();
    progress.Update(done, 0, "", std::nullopt);
    request.mutable_events()->set_after_sequence(response->next_after_sequence());
  }
}

int RunTeach(const Session& session, const ExampleOptions& options) {
  v1::TeachRequest request;
  const absl::Status filled = Fill("skill teach", options, request);
  if (!filled.ok()) return session.Misused(filled);
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  v1::TeachResponse total;
  const absl::Status status = Pages(
      session, "teach", request, [&](const v1::TeachRequest& page) { return client->Teach(page); },
      [&](const v1::TeachResponse& page) {
        total.set_taught_count(total.taught_count() + page.taught_count());
        total.set_retaught_count(total.retaught_count() + page.retaught_count());
        total.set_unchanged_count(total.unchanged_count() + page.unchanged_count());
        total.set_skipped_count(total.skipped_count() + page.skipped_count());
        return page.taught_count() + page.retaught_count() + page.unchanged_count();
      });
  if (!status.ok()) return session.Fail("skill teach", status);
  if (session.json) {
    session.PrintJson(total);
  } else {
    session.out() << CountText(total.taught_count()) << " taught, "
                  << CountText(total.retaught_count()) << " taught anew, "
                  << CountText(total.unchanged_count()) << " as before, "
                  << CountText(total.skipped_count()) << " events passed over\n";
  }
  return kExitOk;
}

int RunUnteach(const Session& session, const ExampleOptions& options) {
  const absl::Status usage = CheckExamples("skill unteach", options);
  if (!usage.ok()) return session.Misused(usage);
  v1::UnteachRequest request;
  request.set_skill(options.name);
  request.set_all(options.everything);
  if (options.single()) {
    absl::StatusOr<v1::ExampleTarget> target = Target(options);
    if (!target.ok()) return session.Misused(target.status());
    *request.add_examples() = *std::move(target);
  } else if (options.every) {
    absl::StatusOr<v1::ExampleFilter> events = Events(options);
    if (!events.ok()) return session.Misused(events.status());
    *request.mutable_events() = *std::move(events);
  }
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  v1::UnteachResponse total;
  const absl::Status status = Pages(
      session, "unteach", request,
      [&](const v1::UnteachRequest& page) { return client->Unteach(page); },
      [&](const v1::UnteachResponse& page) {
        total.set_untaught_count(total.untaught_count() + page.untaught_count());
        return page.untaught_count();
      });
  if (!status.ok()) return session.Fail("skill unteach", status);
  if (session.json) {
    session.PrintJson(total);
  } else {
    session.out() << CountText(total.untaught_count()) << " taken back\n";
  }
  return kExitOk;
}

void PrintEvaluation(const v1::EvaluateResponse& total, std::ostream& out) {
  const auto count = static_cast<double>(total.example_count());
  out << CountText(total.example_count()) << " examples";
  if (total.example_count() > 0) {
    out << ": " << NumberText(static_cast<double>(total.right_count()) / count, 4) << " right, "
        << NumberText(static_cast<double>(total.unknown_count()) / count, 4) << " unknown";
    if (total.confidence_sum() > 0) {
      out << ", mean confidence " << NumberText(total.confidence_sum() / count, 4);
    }
    if (total.squared_error_sum() > 0) {
      out << ", root mean square error "
          << NumberText(std::sqrt(total.squared_error_sum() / count), 4);
    }
  }
  out << "; " << CountText(total.skipped_count()) << " events passed over\n";
  Table table({{"is"}, {"taken for"}, {"times", Table::Align::kRight}});
  for (const v1::Confusion& confusion : total.confusions()) {
    table.AddRow({Printable(confusion.label(), 40),
                  confusion.predicted().empty() ? "unknown" : Printable(confusion.predicted(), 40),
                  CountText(confusion.count())});
  }
  if (!table.empty()) table.Print(out);
}

// Adds a page's counts.
void Sum(const v1::EvaluateResponse& page, v1::EvaluateResponse& total) {
  total.set_example_count(total.example_count() + page.example_count());
  total.set_right_count(total.right_count() + page.right_count());
  total.set_unknown_count(total.unknown_count() + page.unknown_count());
  total.set_confidence_sum(total.confidence_sum() + page.confidence_sum());
  total.set_squared_error_sum(total.squared_error_sum() + page.squared_error_sum());
  total.set_skipped_count(total.skipped_count() + page.skipped_count());
  for (const v1::Confusion& confusion : page.confusions()) {
    bool known = false;
    for (v1::Confusion& mine : *total.mutable_confusions()) {
      if (mine.label() != confusion.label() || mine.predicted() != confusion.predicted()) continue;
      mine.set_count(mine.count() + confusion.count());
      known = true;
    }
    if (!known) *total.add_confusions() = confusion;
  }
}

int RunEvaluate(const Session& session, const ExampleOptions& options) {
  v1::EvaluateRequest request;
  const absl::Status filled = Fill("skill evaluate", options, request);
  if (!filled.ok()) return session.Misused(filled);
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  v1::EvaluateResponse total;
  const absl::Status status = Pages(
      session, "evaluate", request,
      [&](const v1::EvaluateRequest& page) { return client->Evaluate(page); },
      [&](const v1::EvaluateResponse& page) {
        Sum(page, total);
        return page.example_count();
      });
  if (!status.ok()) return session.Fail("skill evaluate", status);
  if (session.json) {
    session.PrintJson(total);
  } else {
    PrintEvaluation(total, session.out());
  }
  return kExitOk;
}

}  // namespace

void AddSkillTeach(CLI::App* skill, Session* session) {
  auto taught = std::make_shared<ExampleOptions>();
  CLI::App* const teach = skill->add_subcommand(
      "teach", "Teach percepts, an event, or every event of a filter; the last lesson holds");
  AddExamples(teach, taught.get());
  AddLessons(teach, taught.get());
  RunBy(teach, session, taught, RunTeach);

  auto untaught = std::make_shared<ExampleOptions>();
  CLI::App* const unteach = skill->add_subcommand("unteach", "Take teachings back");
  AddExamples(unteach, untaught.get());
  unteach->add_flag("--everything", untaught->everything, "All that it was taught");
  RunBy(unteach, session, untaught, RunUnteach);

  auto judged = std::make_shared<ExampleOptions>();
  CLI::App* const evaluate =
      skill->add_subcommand("evaluate", "Ask about examples whose answers are known, and count");
  AddExamples(evaluate, judged.get());
  AddLessons(evaluate, judged.get());
  RunBy(evaluate, session, judged, RunEvaluate);
}

}  // namespace mixmatch::cli
