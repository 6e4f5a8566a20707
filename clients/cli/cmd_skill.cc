// mixmatchctl skill: make skills, look at them, ask them.
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

struct CreateOptions {
  std::string name;
  v1::Skill::Kind kind = v1::Skill::LABEL;
  std::vector<std::string> modalities;
  v1::Skill::FeatureMap map = v1::Skill::FEATURE_MAP_UNSPECIFIED;
};

struct NameOptions {
  std::string name;
};

struct PredictOptions {
  std::string name;
  PerceptArguments percepts;
  std::string event;
  uint32_t labels = 5;
  uint32_t examples = 3;
};

const std::map<std::string, v1::Skill::Kind> kKinds = {{"label", v1::Skill::LABEL},
                                                       {"labels", v1::Skill::LABELS},
                                                       {"number", v1::Skill::NUMBER},
                                                       {"anomaly", v1::Skill::ANOMALY}};
const std::map<std::string, v1::Skill::FeatureMap> kMaps = {
    {"chosen", v1::Skill::FEATURE_MAP_UNSPECIFIED},
    {"embedding", v1::Skill::EMBEDDING},
    {"random", v1::Skill::RANDOM_FEATURES},
    {"front-end", v1::Skill::FRONT_END}};

template <typename Value>
std::string NameOf(const std::map<std::string, Value>& names, Value value) {
  for (const auto& [name, named] : names) {
    if (named == value) return name;
  }
  return "";
}

std::string Modalities(const v1::Skill& skill) {
  return skill.modalities().empty() ? "all" : absl::StrJoin(skill.modalities(), " ");
}

int RunCreate(const Session& session, const CreateOptions& options) {
  v1::CreateSkillRequest request;
  request.mutable_skill()->set_name(options.name);
  request.mutable_skill()->set_kind(options.kind);
  request.mutable_skill()->set_feature_map(options.map);
  request.mutable_skill()->mutable_modalities()->Add(options.modalities.begin(),
                                                     options.modalities.end());
  return session.Answer(
      "skill create", [&](const client::Client& client) { return client.CreateSkill(request); },
      [&](const v1::CreateSkillResponse& /*response*/) {
        session.out() << "skill " << options.name
                      << " is there; teach it with: mixmatchctl skill teach " << options.name
                      << '\n';
      });
}

int RunDelete(const Session& session, const NameOptions& options) {
  v1::DeleteSkillRequest request;
  request.set_name(options.name);
  return session.Answer(
      "skill delete", [&](const client::Client& client) { return client.DeleteSkill(request); },
      [&](const v1::DeleteSkillResponse& /*response*/) {
        session.out() << "skill " << options.name
                      << " is deleted; the events that it was taught with "
                      << "are still there\n";
      });
}

int RunList(const Session& session) {
  return session.Answer(
      "skill list", [&](const client::Client& client) { return client.ListSkills({}); },
      [&](const v1::ListSkillsResponse& response) {
        Table table({{"name"},
                     {"kind"},
                     {"looks at"},
                     {"sees"},
                     {"examples", Table::Align::kRight},
                     {"labels", Table::Align::kRight},
                     {"left out", Table::Align::kRight},
                     {"made"}});
        for (const v1::Skill& skill : response.skills()) {
          table.AddRow({skill.name(), NameOf(kKinds, skill.kind()), Modalities(skill),
                        skill.has_solution() ? NameOf(kMaps, skill.solution().feature_map()) : "",
                        CountText(skill.example_count()),
                        CountText(static_cast<uint64_t>(skill.labels_size())),
                        skill.has_solution() ? NumberText(skill.solution().left_out(), 4) : "",
                        TimeText(skill.create_time())});
        }
        table.Print(session.out());
        if (response.skills().empty()) session.out() << "no skills\n";
      });
}

void PrintSolution(const v1::Skill& skill, std::ostream& out) {
  if (!skill.has_solution()) {
    out << (skill.example_count() == 0 ? "nothing taught yet\n" : "being solved\n");
    return;
  }
  const v1::SkillSolution& solution = skill.solution();
  out << "solved from " << CountText(solution.example_count()) << " examples by "
      << Printable(solution.method(), 40) << " over " << NameOf(kMaps, solution.feature_map())
      << " (" << solution.dimension() << " numbers), ridge " << solution.ridge()
      << (solution.settled() ? "" : "; not settled yet") << '\n';
  if (skill.kind() != v1::Skill::ANOMALY) {
    out << "says " << NumberText(solution.left_out(), 4) << " of "
        << (skill.kind() == v1::Skill::NUMBER ? "the variance" : "what it was taught")
        << " right, each example left out\n";
  }
  Table tried({{"sees"},
               {"numbers", Table::Align::kRight},
               {"left out", Table::Align::kRight},
               {"examples", Table::Align::kRight}});
  for (const v1::FeatureMapQuality& quality : solution.tried()) {
    tried.AddRow({NameOf(kMaps, quality.feature_map()), CountText(quality.dimension()),
                  NumberText(quality.left_out(), 4), CountText(quality.example_count())});
  }
  if (!tried.empty()) tried.Print(out);
}

int RunShow(const Session& session, const NameOptions& options) {
  v1::GetSkillRequest request;
  request.set_name(options.name);
  return session.Answer(
      "skill show", [&](const client::Client& client) { return client.GetSkill(request); },
      [&](const v1::GetSkillResponse& response) {
        const v1::Skill& skill = response.skill();
        session.out() << "skill " << skill.name() << ", kind " << NameOf(kKinds, skill.kind())
                      << ", looks at " << Modalities(skill) << ", made "
                      << TimeText(skill.create_time()) << ", " << CountText(skill.example_count())
                      << " examples\n";
        PrintSolution(skill, session.out());
        Table labels({{"label"}, {"examples", Table::Align::kRight}});
        for (const v1::LabelCount& label : skill.labels()) {
          labels.AddRow({Printable(label.label(), 60), CountText(label.example_count())});
        }
        if (!labels.empty()) labels.Print(session.out());
      });
}

void PrintPrediction(const v1::PredictResponse& response, std::ostream& out) {
  if (response.labels().empty() && response.number_error() > 0) {
    out << NumberText(response.number(), 4) << " +- " << NumberText(response.number_error(), 4)
        << '\n';
  }
  Table labels({{"label"}, {"confidence", Table::Align::kRight}});
  for (const v1::LabelConfidence& label : response.labels()) {
    labels.AddRow({Printable(label.label(), 60), NumberText(label.confidence(), 4)});
  }
  if (!labels.empty()) labels.Print(out);
  out << (response.unknown() ? "unknown: like nothing that was taught" : "familiar") << " ("
      << NumberText(100 * response.familiarity(), 1) << " % of the examples are less familiar)\n";
  Table examples({{"speaks for it"}, {"labels"}, {"number", Table::Align::kRight}});
  for (const v1::SupportingExample& example : response.examples()) {
    v1::Event event;
    event.set_source(example.event().source());
    event.set_event_id(example.event().event_id());
    examples.AddRow({example.has_event() ? KeyText(event) : "fresh percepts",
                     Printable(absl::StrJoin(example.labels(), " "), 60),
                     NumberText(example.number(), 3)});
  }
  if (!examples.empty()) examples.Print(out);
}

int RunPredict(const Session& session, const PredictOptions& options) {
  if (options.event.empty() == options.percepts.empty()) {
    return session.Misused(absl::InvalidArgumentError(
        "skill predict: ask about percepts or an --event, one of the two; see --help"));
  }
  v1::PredictRequest request;
  request.set_skill(options.name);
  request.set_labels_max(options.labels);
  request.set_examples_max(options.examples);
  if (options.event.empty()) {
    absl::StatusOr<v1::PerceptMixture> mixture = options.percepts.Build();
    if (!mixture.ok()) return session.Misused(mixture.status());
    *request.mutable_example()->mutable_percepts() = *std::move(mixture);
  } else {
    *request.mutable_example()->mutable_event() = ParseKey(options.event);
  }
  return session.Answer(
      "skill predict", [&](const client::Client& client) { return client.Predict(request); },
      [&](const v1::PredictResponse& response) { PrintPrediction(response, session.out()); });
}

void AddCreate(CLI::App* skill, Session* session) {
  CLI::App* const command = skill->add_subcommand("create", "Make a skill");
  auto options = std::make_shared<CreateOptions>();
  command->add_option("NAME", options->name, "Its name: of [a-z0-9_.-]")->required();
  command->add_option("--kind", options->kind, "What it says: label, labels, number, anomaly")
      ->transform(CLI::CheckedTransformer(kKinds, CLI::ignore_case))
      ->default_str("label");
  AddRepeatable(command, "--modality", &options->modalities,
                "Modality that it looks at; none: all of them");
  command
      ->add_option("--map", options->map,
                   "What it sees of an example: chosen, embedding, random, front-end")
      ->transform(CLI::CheckedTransformer(kMaps, CLI::ignore_case))
      ->default_str("chosen");
  RunBy(command, session, options, RunCreate);
}

void AddPredict(CLI::App* skill, Session* session) {
  CLI::App* const command =
      skill->add_subcommand("predict", "Ask a skill about percepts or an event");
  auto options = std::make_shared<PredictOptions>();
  command->add_option("NAME", options->name, "The skill")->required();
  options->percepts.AddTo(command);
  command->add_option("--event", options->event, "Ask about the stored event SOURCE/EVENT_ID");
  command->add_option("-k", options->labels, "How many labels")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--examples", options->examples, "How many examples that speak for it")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  RunBy(command, session, options, RunPredict);
}

}  // namespace

void AddSkill(CLI::App* app, Session* session) {
  CLI::App* const skill =
      app->add_subcommand("skill", "Abilities from a few labels: create, teach, predict, evaluate");
  skill->require_subcommand(1);
  skill->fallthrough();
  AddCreate(skill, session);
  RunBy(skill->add_subcommand("list", "List them"), session, RunList);
  auto shown = std::make_shared<NameOptions>();
  CLI::App* const show = skill->add_subcommand("show", "What one was taught, and how it is solved");
  show->add_option("NAME", shown->name, "The skill")->required();
  RunBy(show, session, shown, RunShow);
  AddSkillTeach(skill, session);
  AddPredict(skill, session);
  auto deleted = std::make_shared<NameOptions>();
  CLI::App* const remove = skill->add_subcommand("delete", "Delete one with what it was taught");
  remove->add_option("NAME", deleted->name, "The skill")->required();
  RunBy(remove, session, deleted, RunDelete);
}

}  // namespace mixmatch::cli
