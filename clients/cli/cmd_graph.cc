// mixmatchctl graph: concepts that the memory found, and what goes with what.
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

const std::map<std::string, v1::Association::Kind> kKinds = {
    {"all", v1::Association::KIND_UNSPECIFIED},
    {"succession", v1::Association::SUCCESSION},
    {"co-occurrence", v1::Association::CO_OCCURRENCE},
    {"place", v1::Association::PLACE}};

// What to start from.
struct TargetArguments {
  uint64_t concept_id = 0;
  PerceptArguments percepts;
  std::string event;

  void AddTo(CLI::App* command) {
    command->add_option("--concept", concept_id, "Start from this concept");
    percepts.AddTo(command);
    command->add_option("--event", event, "Start from the stored event SOURCE/EVENT_ID");
  }

  absl::StatusOr<v1::ConceptTarget> Build() const {
    const int ways = static_cast<int>(concept_id != 0) + static_cast<int>(!percepts.empty()) +
                     static_cast<int>(!event.empty());
    if (ways != 1) {
      return absl::InvalidArgumentError(
          "graph: start from a --concept, percepts or an --event, one of them; see --help");
    }
    v1::ConceptTarget target;
    if (concept_id != 0) {
      target.set_concept_id(concept_id);
    } else if (!event.empty()) {
      *target.mutable_event() = ParseKey(event);
    } else {
      absl::StatusOr<v1::PerceptMixture> mixture = percepts.Build();
      if (!mixture.ok()) return mixture.status();
      *target.mutable_percepts() = *std::move(mixture);
    }
    return target;
  }
};

struct AskOptions {
  TargetArguments target;
  std::vector<std::string> want;
  uint32_t k = 5;
};

struct AssociationOptions {
  uint64_t from = 0;
  v1::Association::Kind kind = v1::Association::KIND_UNSPECIFIED;
  uint32_t limit = 20;
  bool indirect = false;
};

struct PathOptions {
  uint64_t from = 0;
  uint64_t to = 0;
};

std::string Names(const v1::Concept& node) {
  return Printable(absl::StrJoin(node.names(), " "), 40);
}

std::string Members(const v1::Concept& node) {
  std::map<std::string, uint64_t> sorted(node.members_by_modality().begin(),
                                         node.members_by_modality().end());
  std::string text;
  for (const auto& [modality, count] : sorted) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", CountText(count), " ", modality);
  }
  return text;
}

std::string KindName(v1::Association::Kind kind) {
  for (const auto& [name, named] : kKinds) {
    if (named == kind) return name;
  }
  return "";
}

void PrintAssociations(const google::protobuf::RepeatedPtrField<v1::Association>& associations,
                       std::ostream& out) {
  Table table({{"from", Table::Align::kRight},
               {"to", Table::Align::kRight},
               {"kind"},
               {"strength", Table::Align::kRight},
               {"times", Table::Align::kRight},
               {"probability", Table::Align::kRight},
               {"chance", Table::Align::kRight},
               {"after", Table::Align::kRight},
               {"last"}});
  for (const v1::Association& association : associations) {
    table.AddRow(
        {absl::StrCat(association.from()), absl::StrCat(association.to()),
         absl::StrCat(KindName(association.kind()), association.indirect() ? " (indirect)" : ""),
         NumberText(association.strength(), 1), CountText(association.count()),
         NumberText(association.probability(), 3), NumberText(association.chance(), 3),
         association.has_delay() ? DurationText(ToDuration(association.delay())) : "",
         TimeText(association.last_time())});
  }
  table.Print(out);
  if (table.empty()) out << "none\n";
}

// "image of camera/000123" of each experience.
std::string Experiences(const google::protobuf::RepeatedPtrField<v1::Experience>& experiences) {
  std::string text;
  for (const v1::Experience& experience : experiences) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", experience.modality(), " of ",
                    KeyText(experience.event().event()));
  }
  return text;
}

int RunConcepts(const Session& session) {
  return session.Answer(
      "graph concepts", [&](const client::Client& client) { return client.ListConcepts({}); },
      [&](const v1::ListConceptsResponse& response) {
        Table table({{"concept", Table::Align::kRight},
                     {"names"},
                     {"members", Table::Align::kRight},
                     {"of"},
                     {"last"}});
        for (const v1::Concept& node : response.concepts()) {
          table.AddRow({absl::StrCat(node.concept_id()), Names(node),
                        CountText(node.member_count()), Members(node), TimeText(node.last_time())});
        }
        table.Print(session.out());
        session.out() << "generation " << response.generation() << ", "
                      << CountText(response.episode_count()) << " episodes, "
                      << CountText(response.unassigned_count()) << " percepts of none\n";
      });
}

int RunShow(const Session& session, const AskOptions& options) {
  v1::GetConceptRequest request;
  absl::StatusOr<v1::ConceptTarget> target = options.target.Build();
  if (!target.ok()) return session.Misused(target.status());
  *request.mutable_target() = *std::move(target);
  request.mutable_modalities()->Add(options.want.begin(), options.want.end());
  request.set_k(options.k);
  return session.Answer(
      "graph show", [&](const client::Client& client) { return client.GetConcept(request); },
      [&](const v1::GetConceptResponse& response) {
        const v1::Concept& node = response.node();
        session.out() << "concept " << node.concept_id() << ": " << Names(node) << "; "
                      << Members(node) << "; last " << TimeText(node.last_time()) << '\n';
        if (!response.experiences().empty()) {
          session.out() << "nearest to its middle: " << Experiences(response.experiences()) << '\n';
        }
      });
}

int RunAssociations(const Session& session, const AssociationOptions& options) {
  v1::ListAssociationsRequest request;
  request.set_from(options.from);
  request.set_kind(options.kind);
  request.set_limit(options.limit);
  request.set_indirect(options.indirect);
  return session.Answer(
      "graph associations",
      [&](const client::Client& client) { return client.ListAssociations(request); },
      [&](const v1::ListAssociationsResponse& response) {
        PrintAssociations(response.associations(), session.out());
      });
}

int RunAssociate(const Session& session, const AskOptions& options) {
  v1::AssociateRequest request;
  absl::StatusOr<v1::ConceptTarget> target = options.target.Build();
  if (!target.ok()) return session.Misused(target.status());
  *request.mutable_target() = *std::move(target);
  request.mutable_modalities()->Add(options.want.begin(), options.want.end());
  request.set_k(options.k);
  return session.Answer(
      "graph associate", [&](const client::Client& client) { return client.Associate(request); },
      [&](const v1::AssociateResponse& response) {
        Table table({{"concept", Table::Align::kRight},
                     {"names"},
                     {"activation", Table::Align::kRight},
                     {"by way of"},
                     {"experiences"}});
        for (const v1::ActivatedConcept& activated : response.activated()) {
          std::string way = activated.path().empty() ? "" : absl::StrCat(activated.path(0).from());
          for (const v1::Association& step : activated.path()) {
            absl::StrAppend(&way, " -", KindName(step.kind()), "-> ", step.to());
          }
          table.AddRow({absl::StrCat(activated.node().concept_id()), Names(activated.node()),
                        NumberText(activated.activation(), 3), way,
                        Experiences(activated.experiences())});
        }
        session.out() << "from " << absl::StrJoin(response.start(), " ") << '\n';
        table.Print(session.out());
        if (table.empty()) session.out() << "nothing comes to mind\n";
      });
}

int RunNext(const Session& session, const AskOptions& options) {
  v1::PredictNextRequest request;
  absl::StatusOr<v1::ConceptTarget> target = options.target.Build();
  if (!target.ok()) return session.Misused(target.status());
  *request.mutable_target() = *std::move(target);
  request.set_k(options.k);
  return session.Answer(
      "graph next", [&](const client::Client& client) { return client.PredictNext(request); },
      [&](const v1::PredictNextResponse& response) {
        Table table({{"concept", Table::Align::kRight},
                     {"names"},
                     {"probability", Table::Align::kRight},
                     {"chance", Table::Align::kRight},
                     {"after", Table::Align::kRight}});
        for (const v1::NextConcept& next : response.next()) {
          table.AddRow({absl::StrCat(next.node().concept_id()), Names(next.node()),
                        NumberText(next.probability(), 3), NumberText(next.chance(), 3),
                        DurationText(ToDuration(next.delay()))});
        }
        table.Print(session.out());
        if (table.empty()) session.out() << "nothing is known to follow\n";
      });
}

int RunPath(const Session& session, const PathOptions& options) {
  v1::FindPathRequest request;
  request.mutable_from()->set_concept_id(options.from);
  request.mutable_to()->set_concept_id(options.to);
  return session.Answer(
      "graph path", [&](const client::Client& client) { return client.FindPath(request); },
      [&](const v1::FindPathResponse& response) {
        PrintAssociations(response.path(), session.out());
      });
}

int RunTimeline(const Session& session, const AskOptions& options) {
  v1::GetTimelineRequest request;
  absl::StatusOr<v1::ConceptTarget> target = options.target.Build();
  if (!target.ok()) return session.Misused(target.status());
  *request.mutable_target() = *std::move(target);
  request.set_parts(options.k);
  return session.Answer(
      "graph timeline", [&](const client::Client& client) { return client.GetTimeline(request); },
      [&](const v1::GetTimelineResponse& response) {
        Table table({{"from"}, {"percepts", Table::Align::kRight}});
        for (const auto& part : response.parts()) {
          table.AddRow({TimeText(part.start()), CountText(part.count())});
        }
        table.Print(session.out());
      });
}

void AddAsk(CLI::App* graph, Session* session, const char* name, const char* help, bool wants,
            const char* count, uint32_t by_default, int (*run)(const Session&, const AskOptions&)) {
  CLI::App* const command = graph->add_subcommand(name, help);
  auto options = std::make_shared<AskOptions>();
  options->k = by_default;
  options->target.AddTo(command);
  if (wants) AddRepeatable(command, "--want", &options->want, "Experiences of this modality, too");
  command->add_option("-k", options->k, count)->check(CLI::Range(1, 1000))->capture_default_str();
  RunBy(command, session, options, run);
}

}  // namespace

void AddGraph(CLI::App* app, Session* session) {
  CLI::App* const graph =
      app->add_subcommand("graph", "Concepts that the memory found, and what goes with what");
  graph->require_subcommand(1);
  graph->fallthrough();
  RunBy(graph->add_subcommand("concepts", "List the concepts"), session, RunConcepts);
  AddAsk(graph, session, "show", "One concept", true, "How many experiences", 5, RunShow);
  auto listed = std::make_shared<AssociationOptions>();
  CLI::App* const associations =
      graph->add_subcommand("associations", "List associations, strongest first");
  associations->add_option("--from", listed->from, "Of this concept alone");
  associations->add_option("--kind", listed->kind, "all, succession, co-occurrence, place")
      ->transform(CLI::CheckedTransformer(kKinds, CLI::ignore_case))
      ->default_str("all");
  associations->add_option("--limit", listed->limit, "At most so many of each kind")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  associations->add_flag("--indirect", listed->indirect, "Successions that others explain, too");
  RunBy(associations, session, listed, RunAssociations);
  AddAsk(graph, session, "associate", "What comes to mind, and by which way", true,
         "How many concepts", 5, RunAssociate);
  AddAsk(graph, session, "next", "What usually follows, and after how long", false,
         "How many concepts", 5, RunNext);
  auto ends = std::make_shared<PathOptions>();
  CLI::App* const path = graph->add_subcommand("path", "The strongest way between two concepts");
  path->add_option("FROM", ends->from, "From this concept")->required();
  path->add_option("TO", ends->to, "To this one")->required();
  RunBy(path, session, ends, RunPath);
  AddAsk(graph, session, "timeline", "How often a concept occurred, over time", false,
         "In how many parts", 20, RunTimeline);
}

}  // namespace mixmatch::cli
