// mixmatchctl events and episode: what is stored.
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

namespace mixmatch::cli {
namespace {

constexpr uint64_t kPageMax = 1000;

struct ListOptions {
  FilterArguments filter;
  std::vector<std::string> modalities;
  uint64_t limit = 20;
  std::string page_token;
  bool newest = false;
  bool full = false;
};

struct GetOptions {
  std::string key;
  uint64_t sequence = 0;
  bool full = false;
};

struct EpisodeOptions {
  uint64_t episode_id = 0;
  std::string event;
  bool full = false;
};

Table EventTable() {
  return Table({{"sequence", Table::Align::kRight},
                {"event"},
                {"time"},
                {"scene"},
                {"episode", Table::Align::kRight},
                {"modalities"},
                {"content"},
                {"metadata"}});
}

void AddEvent(const v1::StoredEvent& stored, Table* table) {
  const v1::Event& event = stored.event();
  std::string modalities;
  std::string content;
  for (const v1::Percept& percept : event.percepts()) {
    absl::StrAppend(&modalities, modalities.empty() ? "" : " ", percept.modality());
    absl::StrAppend(&content, content.empty() ? "" : " ", PayloadText(percept));
  }
  table->AddRow({absl::StrCat(stored.sequence()), KeyText(event), TimeText(event.time()),
                 event.scene(), stored.episode_id() > 0 ? absl::StrCat(stored.episode_id()) : "",
                 modalities, content, MetadataText(event)});
}

// Reads pages until `limit` events are there or none is left.
absl::StatusOr<v1::ListEventsResponse> ListUpTo(const client::Client& client,
                                                v1::ListEventsRequest request, uint64_t limit) {
  v1::ListEventsResponse all;
  while (true) {
    const uint64_t missing = limit - static_cast<uint64_t>(all.events_size());
    request.set_page_size(static_cast<uint32_t>(std::min(missing, kPageMax)));
    absl::StatusOr<v1::ListEventsResponse> page = client.ListEvents(request);
    if (!page.ok()) return page.status();
    all.mutable_events()->MergeFrom(page->events());
    all.set_next_page_token(page->next_page_token());
    if (page->next_page_token().empty() || static_cast<uint64_t>(all.events_size()) >= limit) {
      return all;
    }
    request.set_page_token(page->next_page_token());
  }
}

int RunList(const Session& session, const ListOptions& options) {
  absl::StatusOr<v1::Filter> filter = options.filter.Build();
  if (!filter.ok()) return session.Misused(filter.status());
  filter->mutable_modalities()->Add(options.modalities.begin(), options.modalities.end());
  v1::ListEventsRequest request;
  *request.mutable_filter() = *std::move(filter);
  request.set_page_token(options.page_token);
  request.set_view(options.full ? v1::FULL : v1::BASIC);
  request.set_descending(options.newest);
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::ListEventsResponse> events = ListUpTo(*client, request, options.limit);
  if (!events.ok()) return session.Fail("events list", events.status());
  if (session.json) {
    session.PrintJson(*events);
    return kExitOk;
  }
  Table table = EventTable();
  for (const v1::StoredEvent& stored : events->events()) AddEvent(stored, &table);
  table.Print(session.out());
  if (table.empty()) session.out() << "no events\n";
  if (!events->next_page_token().empty()) {
    session.out() << "more: --page-token " << events->next_page_token() << '\n';
  }
  return kExitOk;
}

int RunGet(const Session& session, const GetOptions& options) {
  v1::GetEventRequest request;
  if (options.key.empty() == (options.sequence == 0)) {
    return session.Misused(absl::InvalidArgumentError(
        "events get: name one event; give SOURCE/EVENT_ID or --sequence N"));
  }
  if (options.key.empty()) {
    request.set_sequence(options.sequence);
  } else {
    *request.mutable_event() = ParseKey(options.key);
  }
  request.set_view(options.full ? v1::FULL : v1::BASIC);
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::GetEventResponse> response = client->GetEvent(request);
  if (!response.ok()) return session.Fail("events get", response.status());
  if (session.json) {
    session.PrintJson(*response);
    return kExitOk;
  }
  Table table = EventTable();
  AddEvent(response->event(), &table);
  table.Print(session.out());
  session.out() << "stored " << TimeText(response->event().ingest_time()) << '\n';
  return kExitOk;
}

int RunEpisode(const Session& session, const EpisodeOptions& options) {
  if (options.event.empty() == (options.episode_id == 0)) {
    return session.Misused(absl::InvalidArgumentError(
        "episode get: name one episode; give its id or --event SOURCE/EVENT_ID"));
  }
  v1::GetEpisodeRequest request;
  if (options.event.empty()) {
    request.set_episode_id(options.episode_id);
  } else {
    *request.mutable_event() = ParseKey(options.event);
  }
  request.set_view(options.full ? v1::FULL : v1::BASIC);
  const absl::StatusOr<client::Client> client = session.Connect();
  if (!client.ok()) return session.Misused(client.status());
  const absl::StatusOr<v1::GetEpisodeResponse> response = client->GetEpisode(request);
  if (!response.ok()) return session.Fail("episode get", response.status());
  if (session.json) {
    session.PrintJson(*response);
    return kExitOk;
  }
  const v1::Episode& episode = response->episode();
  session.out() << "episode " << episode.episode_id() << ", scene '"
                << Printable(episode.scene(), 80) << "', " << TimeText(episode.start_time())
                << " to " << TimeText(episode.end_time())
                << (episode.closed() ? ", closed" : ", open") << (episode.late() ? ", late" : "")
                << (episode.probe() ? ", probe" : "") << '\n';
  Table table = EventTable();
  for (const v1::StoredEvent& stored : episode.events()) AddEvent(stored, &table);
  table.Print(session.out());
  return kExitOk;
}

}  // namespace

void AddEvents(CLI::App* app, Session* session) {
  CLI::App* const events = app->add_subcommand("events", "List stored events or get one");
  events->require_subcommand(1);
  events->fallthrough();

  CLI::App* const list = events->add_subcommand("list", "List events, oldest first");
  auto list_options = std::make_shared<ListOptions>();
  list_options->filter.AddTo(list);
  AddRepeatable(list, "--modality", &list_options->modalities,
                "Events that have a percept of this modality; more than once: any");
  list->add_option("--limit", list_options->limit, "At most this many")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000}))
      ->capture_default_str();
  list->add_option("--page-token", list_options->page_token, "Go on where the last list ended");
  list->add_flag("--newest", list_options->newest, "Newest first");
  list->add_flag("--full", list_options->full, "Payloads too (for --json)");
  RunBy(list, session, list_options, RunList);

  CLI::App* const get = events->add_subcommand("get", "Get one event");
  auto get_options = std::make_shared<GetOptions>();
  get->add_option("event", get_options->key, "SOURCE/EVENT_ID");
  get->add_option("--sequence", get_options->sequence, "Its sequence number instead")
      ->check(CLI::PositiveNumber);
  get->add_flag("--full", get_options->full, "Payloads too (for --json)");
  RunBy(get, session, get_options, RunGet);
}

void AddEpisode(CLI::App* app, Session* session) {
  CLI::App* const episode = app->add_subcommand("episode", "Get one episode with its events");
  episode->require_subcommand(1);
  episode->fallthrough();
  CLI::App* const get = episode->add_subcommand("get", "Get one episode");
  auto options = std::make_shared<EpisodeOptions>();
  get->add_option("id", options->episode_id, "Its id")->check(CLI::PositiveNumber);
  get->add_option("--event", options->event, "The episode of SOURCE/EVENT_ID instead");
  get->add_flag("--full", options->full, "Payloads too (for --json)");
  RunBy(get, session, options, RunEpisode);
}

}  // namespace mixmatch::cli
