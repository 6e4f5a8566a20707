// mixmatchctl recall: any part of an experience recalls the rest. And embed: a point of the space.
#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/arguments.h"
#include "clients/cli/commands.h"
#include "clients/cli/format.h"
#include "clients/cli/table.h"
#include "clients/manifest/times.h"

namespace mixmatch::cli {
namespace {

constexpr int kShownNumbers = 8;

struct RecallOptions {
  PerceptArguments percepts;
  FilterArguments filter;
  std::string event;
  std::vector<std::string> want;
  std::vector<std::string> modalities;
  uint32_t k = 10;
  bool fold = false;
  bool full = false;
  PerceptArguments unlike;
  std::vector<std::string> unlike_events;
  float negative_weight = 0.5F;
  double half_life_s = 0;  // 0: age does not count
  std::optional<float> similarity_min;
  float diversity = 0;
  bool group = false;
  std::string page_token;

  bool scored() const { return !unlike.empty() || !unlike_events.empty() || half_life_s > 0; }
};

// What answers are to be unlike, how age counts, and which of them are shown.
absl::Status AddRanking(const RecallOptions& options, v1::RecallRequest& request) {
  absl::StatusOr<v1::PerceptMixture> unlike = options.unlike.Build();
  if (!unlike.ok()) return unlike.status();
  for (v1::Percept& percept : *unlike->mutable_percepts()) {
    *request.add_negatives()->mutable_percepts()->add_percepts() = std::move(percept);
  }
  for (const std::string& event : options.unlike_events) {
    *request.add_negatives()->mutable_event() = ParseKey(event);
  }
  request.set_negative_weight(options.negative_weight);
  if (options.half_life_s > 0) {
    absl::StatusOr<google::protobuf::Duration> time =
        client::DurationFromSeconds(options.half_life_s);
    if (!time.ok()) return time.status();
    *request.mutable_half_life() = *std::move(time);
  }
  if (options.similarity_min) request.mutable_similarity_min()->set_value(*options.similarity_min);
  request.set_diversity(options.diversity);
  request.set_group_by_episode(options.group);
  request.set_page_token(options.page_token);
  return absl::OkStatus();
}

absl::StatusOr<v1::RecallRequest> BuildRequest(const RecallOptions& options) {
  if (options.event.empty() == options.percepts.empty()) {
    return absl::InvalidArgumentError(
        "recall: ask with percepts or with --event, one of the two; see recall --help");
  }
  v1::RecallRequest request;
  if (options.event.empty()) {
    absl::StatusOr<v1::PerceptMixture> mixture = options.percepts.Build();
    if (!mixture.ok()) return mixture.status();
    *request.mutable_query()->mutable_percepts() = *std::move(mixture);
  } else {
    *request.mutable_query()->mutable_event() = ParseKey(options.event);
  }
  request.mutable_modalities()->Add(options.want.begin(), options.want.end());
  request.set_k(options.k);
  absl::StatusOr<v1::Filter> filter = options.filter.Build();
  if (!filter.ok()) return filter.status();
  filter->mutable_modalities()->Add(options.modalities.begin(), options.modalities.end());
  *request.mutable_filter() = *std::move(filter);
  request.set_fold_identical(options.fold);
  request.set_view(options.full ? v1::FULL : v1::BASIC);
  const absl::Status ranked = AddRanking(options, request);
  if (!ranked.ok()) return ranked;
  return request;
}

// All payloads of an event or, with `index`, that percept's.
std::string Content(const v1::Event& event, std::optional<uint32_t> index) {
  std::string text;
  for (int i = 0; i < event.percepts_size(); ++i) {
    if (index && static_cast<uint32_t>(i) != *index) continue;
    absl::StrAppend(&text, text.empty() ? "" : " ", PayloadText(event.percepts(i)));
  }
  return text;
}

void AddPercept(const v1::Experience& found, std::vector<std::string>* cells) {
  const v1::Event& event = found.event().event();
  cells->insert(
      cells->end(),
      {found.modality(), Content(event, found.percept_index()), KeyText(event), event.scene(),
       TimeText(event.time()),
       found.has_episode() ? absl::StrCat(found.episode().episode_id()) : "", MetadataText(event)});
}

void AddEpisodeCells(const v1::Experience& found, std::vector<std::string>* cells) {
  const v1::Episode& episode = found.episode();
  std::string content;
  std::string keys;
  std::string metadata;
  for (const v1::StoredEvent& stored : episode.events()) {
    absl::StrAppend(&content, content.empty() ? "" : " ", Content(stored.event(), std::nullopt));
    absl::StrAppend(&keys, keys.empty() ? "" : " ", KeyText(stored.event()));
    if (metadata.empty()) metadata = MetadataText(stored.event());
  }
  cells->insert(cells->end(),
                {"episode", content, keys, episode.scene(), TimeText(episode.start_time()),
                 absl::StrCat(episode.episode_id()), metadata});
}

// What the answer leaves out since it is not where a recall looks for it yet.
void PrintPending(const v1::Pending& pending, std::ostream& out) {
  const uint64_t events = std::max(pending.event_count(), pending.unbound_event_count());
  if (events == 0 && pending.episode_count() == 0) return;
  out << "not among these yet: " << CountText(events) << " events, "
      << CountText(pending.episode_count()) << " episodes\n";
}

void PrintExperiences(const v1::RecallResponse& response, const RecallOptions& options,
                      std::ostream& out) {
  Table table({{"#", Table::Align::kRight},
               {"similarity", Table::Align::kRight},
               {"score", Table::Align::kRight},
               {"modality"},
               {"content"},
               {"event"},
               {"scene"},
               {"time"},
               {"episode", Table::Align::kRight},
               {"metadata"},
               {"identical", Table::Align::kRight},
               {"hits", Table::Align::kRight}});
  int rank = 0;
  for (const v1::Experience& found : response.experiences()) {
    std::vector<std::string> cells = {absl::StrCat(++rank), NumberText(found.similarity(), 3),
                                      options.scored() ? NumberText(found.score(), 3) : ""};
    if (found.has_event()) {
      AddPercept(found, &cells);
    } else {
      AddEpisodeCells(found, &cells);
    }
    cells.push_back(options.fold ? CountText(found.identical_count()) : "");
    cells.push_back(options.group ? CountText(found.episode_hits()) : "");
    table.AddRow(std::move(cells));
  }
  table.Print(out);
  if (rank == 0) out << "nothing found\n";
  out << "generation " << response.generation() << ", " << response.plan() << " search over "
      << CountText(response.candidate_count()) << " embeddings\n";
  PrintPending(response.pending(), out);
  if (!response.next_page_token().empty()) {
    out << "more with --page-token " << response.next_page_token() << "\n";
  }
}

int RunRecall(const Session& session, const RecallOptions& options) {
  const absl::StatusOr<v1::RecallRequest> request = BuildRequest(options);
  if (!request.ok()) return session.Misused(request.status());
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::RecallResponse> response = client->Recall(*request);
  if (!response.ok()) return session.Fail("recall", response.status());
  if (session.json) {
    session.PrintJson(*response);
  } else {
    PrintExperiences(*response, options, session.out());
  }
  return kExitOk;
}

int RunEmbed(const Session& session, const PerceptArguments& options) {
  if (options.empty()) {
    return session.Misused(
        absl::InvalidArgumentError("embed: no percept; give --text, --image, --audio, --vector "
                                   "or --percept"));
  }
  absl::StatusOr<v1::PerceptMixture> mixture = options.Build();
  if (!mixture.ok()) return session.Misused(mixture.status());
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  v1::EmbedRequest request;
  *request.mutable_percepts() = *std::move(mixture);
  const absl::StatusOr<v1::EmbedResponse> response = client->Embed(request);
  if (!response.ok()) return session.Fail("embed", response.status());
  if (session.json) {
    session.PrintJson(*response);
    return kExitOk;
  }
  const v1::Embedding& embedding = response->embedding();
  session.out() << "generation " << embedding.generation() << ", " << embedding.values_size()
                << " numbers:";
  for (int i = 0; i < std::min(kShownNumbers, embedding.values_size()); ++i) {
    session.out() << ' ' << NumberText(embedding.values(i), 4);
  }
  session.out() << (embedding.values_size() > kShownNumbers ? " … (all with --json)\n" : "\n");
  return kExitOk;
}

}  // namespace

void AddRecall(CLI::App* app, Session* session) {
  CLI::App* const command =
      app->add_subcommand("recall", "Find the experiences nearest to a query");
  auto options = std::make_shared<RecallOptions>();
  options->percepts.AddTo(command);
  command->add_option("--event", options->event, "Ask with the stored event SOURCE/EVENT_ID");
  AddRepeatable(command, "--want", &options->want,
                "Wanted modality; more than once: any of them; none: whole episodes");
  command->add_option("-k", options->k, "How many")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  options->filter.AddTo(command);
  AddRepeatable(command, "--modality", &options->modalities,
                "Events that have a percept of this modality");
  command->add_flag("--fold", options->fold, "Fold identical content into one result");
  command->add_flag("--full", options->full, "Payloads too (for --json)");
  options->unlike.AddTo(command, "unlike-");
  AddRepeatable(command, "--unlike-event", &options->unlike_events,
                "A stored event SOURCE/EVENT_ID that answers are to be unlike");
  command
      ->add_option("--unlike-weight", options->negative_weight,
                   "How much unlikeness counts beside likeness")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  command
      ->add_option("--half-life", options->half_life_s,
                   "SECONDS after which a score is halved, and again")
      ->check(CLI::PositiveNumber);
  command->add_option("--min-similarity", options->similarity_min, "Leave out what is farther")
      ->check(CLI::Range(-1.0, 1.0));
  command
      ->add_option("--diversity", options->diversity,
                   "0 to 1: how much answers are held against those before for likeness")
      ->check(CLI::Range(0.0, 1.0));
  command->add_flag("--by-episode", options->group,
                    "One answer an episode, with its events (for --json)");
  command->add_option("--page-token", options->page_token, "Go on behind the page before");
  RunBy(command, session, options, RunRecall);
}

void AddEmbed(CLI::App* app, Session* session) {
  CLI::App* const command =
      app->add_subcommand("embed", "Embed percepts together, without storing anything");
  auto options = std::make_shared<PerceptArguments>();
  options->AddTo(command);
  RunBy(command, session, options, RunEmbed);
}

}  // namespace mixmatch::cli
