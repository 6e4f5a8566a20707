// What answers and reads are filled with: stored events and episodes.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert.h"
#include "server/current_call.h"
#include "server/recaller.h"

namespace mixmatch {
namespace {

constexpr uint32_t kPageMax = 1000;
constexpr uint32_t kPageDefault = 100;
constexpr size_t kPageBytes = 32 << 20;
constexpr size_t kReadAtOnce = 64;  // headers, of at most some 64 KiB each

Detail DetailOf(v1::View view) { return view == v1::FULL ? Detail::kFull : Detail::kHeader; }

}  // namespace

absl::Status AnswerBudget::Take(size_t bytes) {
  MM_RETURN_IF_ERROR(CurrentCall::Check());
  bytes_ += bytes;
  if (bytes_ <= kAnswerBytesMax) return absl::OkStatus();
  return InvalidField("view",
                      absl::StrCat("answer refused: it has more than ", kAnswerBytesMax >> 20,
                                   " MiB; ask for fewer, or with view BASIC"));
}

absl::StatusOr<std::vector<v1::Experience>> Recaller::Experiences(const Space& space,
                                                                  std::span<const Neighbour> found,
                                                                  v1::View view) const {
  AnswerBudget budget;
  MM_ASSIGN_OR_RETURN(std::vector<std::optional<v1::Experience>> read,
                      ReadExperiences(space, found, view, budget));
  std::vector<v1::Experience> experiences;
  for (std::optional<v1::Experience>& experience : read) {
    if (experience) experiences.push_back(*std::move(experience));
  }
  return experiences;
}

absl::StatusOr<std::vector<std::optional<v1::Experience>>> Recaller::ReadExperiences(
    const Space& space, std::span<const Neighbour> found, v1::View view,
    AnswerBudget& budget) const {
  std::vector<std::optional<v1::Experience>> experiences;
  experiences.reserve(found.size());
  for (size_t begin = 0; begin < found.size(); begin += kReadAtOnce) {
    const size_t count = std::min(kReadAtOnce, found.size() - begin);
    MM_RETURN_IF_ERROR(AppendExperiences(found.subspan(begin, count), view, budget, experiences));
  }
  const std::map<ModalityId, std::string> names = ModalityNames();
  for (size_t i = 0; i < found.size(); ++i) {
    if (!experiences[i]) continue;
    experiences[i]->set_similarity(found[i].similarity);
    experiences[i]->set_generation(space.number);
    if (found[i].item.is_episode()) continue;
    experiences[i]->set_percept_index(found[i].item.percept_index());
    const auto name = names.find(found[i].partition);
    if (name != names.end()) experiences[i]->set_modality(name->second);
  }
  return experiences;
}

absl::Status Recaller::AppendExperiences(
    std::span<const Neighbour> found, v1::View view, AnswerBudget& budget,
    std::vector<std::optional<v1::Experience>>& experiences) const {
  const size_t first = experiences.size();
  experiences.resize(first + found.size());
  std::vector<Seq> events;
  std::vector<size_t> places;
  for (size_t i = 0; i < found.size(); ++i) {
    const Seq seq = found[i].item.seq();
    if (!found[i].item.is_episode()) {
      events.push_back(seq);
      places.push_back(first + i);
      continue;
    }
    v1::Episode& episode = *experiences[first + i].emplace().mutable_episode();
    const absl::Status filled = FillEpisode(seq, view, budget, episode);
    if (!absl::IsNotFound(filled)) {
      MM_RETURN_IF_ERROR(filled);
    } else {
      experiences[first + i].reset();
    }
  }
  std::vector<absl::StatusOr<LoggedEvent>> headers;
  if (view != v1::FULL) headers = log_->GetHeaders(events);
  std::vector<EpisodeId> ids;
  std::vector<v1::Episode*> episodes;  // to be filled with those
  for (size_t i = 0; i < events.size(); ++i) {
    // Payloads one after another, as long as the answer has room for them.
    const absl::StatusOr<LoggedEvent> event =
        view == v1::FULL ? log_->Get(events[i], Detail::kFull) : std::move(headers[i]);
    if (absl::IsNotFound(event.status())) continue;
    MM_RETURN_IF_ERROR(event.status());
    MM_ASSIGN_OR_RETURN(const EpisodeId id, episodes_->EpisodeOf(events[i]));
    v1::Experience& experience = experiences[places[i]].emplace();
    *experience.mutable_event() = ToProto(*event, id);
    MM_RETURN_IF_ERROR(budget.Take(experience.event().ByteSizeLong()));
    if (id == 0) continue;
    ids.push_back(id);
    episodes.push_back(experience.mutable_episode());
  }
  const std::vector<absl::StatusOr<Episode>> stored = episodes_->GetHeaders(ids);
  for (size_t i = 0; i < ids.size(); ++i) {
    // Merged into another since it was looked up: the event is there all the same.
    if (absl::IsNotFound(stored[i].status())) continue;
    MM_RETURN_IF_ERROR(stored[i].status());
    *episodes[i] = ToProto(*stored[i]);
  }
  return absl::OkStatus();
}

absl::Status Recaller::FillGroup(v1::View view, AnswerBudget& budget,
                                 v1::Experience& experience) const {
  EpisodeId id = experience.episode().episode_id();
  absl::Status filled = FillEpisode(id, view, budget, *experience.mutable_episode());
  if (!absl::IsNotFound(filled)) return filled;
  // Merged into another since its event was read.
  MM_ASSIGN_OR_RETURN(id, episodes_->EpisodeOf(experience.event().sequence()));
  return FillEpisode(id, view, budget, *experience.mutable_episode());
}

std::map<ModalityId, std::string> Recaller::ModalityNames() const {
  std::map<ModalityId, std::string> names;
  for (const RegisteredModality& modality : log_->Modalities()) {
    names[modality.id] = modality.spec.name;
  }
  return names;
}

absl::StatusOr<v1::StoredEvent> Recaller::ReadEvent(Seq seq, v1::View view,
                                                    AnswerBudget& budget) const {
  MM_ASSIGN_OR_RETURN(const LoggedEvent logged, log_->Get(seq, DetailOf(view)));
  MM_ASSIGN_OR_RETURN(const EpisodeId episode, episodes_->EpisodeOf(seq));
  v1::StoredEvent event = ToProto(logged, episode);
  MM_RETURN_IF_ERROR(budget.Take(event.ByteSizeLong()));
  return event;
}

absl::Status Recaller::FillEpisode(EpisodeId id, v1::View view, AnswerBudget& budget,
                                   v1::Episode& episode) const {
  const absl::StatusOr<Episode> stored = episodes_->Get(id);
  MM_RETURN_IF_ERROR(stored.status());
  episode = ToProto(*stored);
  std::vector<EpisodeMember> members = stored->members;
  std::stable_sort(members.begin(), members.end(),
                   [](const EpisodeMember& a, const EpisodeMember& b) { return a.time < b.time; });
  for (const EpisodeMember& member : members) {
    MM_ASSIGN_OR_RETURN(*episode.add_events(), ReadEvent(member.seq, view, budget));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::EmbedResponse> Recaller::Embed(const v1::EmbedRequest& request) const {
  const std::shared_ptr<const Space> space = generations_->serving();
  MM_ASSIGN_OR_RETURN(const std::vector<float> vector,
                      embedder_.PointOf(request.percepts(), "query.percepts", *space));
  v1::EmbedResponse response;
  response.mutable_embedding()->mutable_values()->Add(vector.begin(), vector.end());
  response.mutable_embedding()->set_generation(space->number);
  return response;
}

absl::StatusOr<v1::GetEventResponse> Recaller::GetEvent(const v1::GetEventRequest& request) const {
  Seq seq = request.sequence();
  if (request.target_case() == v1::GetEventRequest::kEvent) {
    MM_ASSIGN_OR_RETURN(seq, embedder_.reader().FindEvent(request.event()));
  } else if (request.target_case() == v1::GetEventRequest::TARGET_NOT_SET) {
    return InvalidField("event", "event not looked up: no target; give its key or sequence");
  }
  v1::GetEventResponse response;
  AnswerBudget budget;
  MM_ASSIGN_OR_RETURN(*response.mutable_event(), ReadEvent(seq, request.view(), budget));
  return response;
}

absl::StatusOr<v1::ListEventsResponse> Recaller::ListEvents(
    const v1::ListEventsRequest& request) const {
  if (request.page_size() > kPageMax) {
    return InvalidField("page_size", absl::StrCat("page_size refused: ", request.page_size(),
                                                  "; ask for at most ", kPageMax));
  }
  const size_t page = request.page_size() == 0 ? kPageDefault : request.page_size();
  Seq after = 0;
  if (!request.page_token().empty() && !absl::SimpleAtoi(request.page_token(), &after)) {
    return InvalidField("page_token",
                        "list refused: page_token is not one that a page came with; start over");
  }
  MM_ASSIGN_OR_RETURN(const EventFilter filter, FromProto(request.filter()));
  MM_ASSIGN_OR_RETURN(std::vector<LoggedEvent> events,
                      log_->List(filter, after, page + 1, request.descending(), Detail::kHeader));
  v1::ListEventsResponse response;
  size_t bytes = 0;
  for (size_t i = 0; i < std::min(page, events.size()); ++i) {
    MM_RETURN_IF_ERROR(CurrentCall::Check());
    if (request.view() == v1::FULL) {
      MM_ASSIGN_OR_RETURN(events[i], log_->Get(events[i].seq, Detail::kFull));
    }
    MM_ASSIGN_OR_RETURN(const EpisodeId episode, episodes_->EpisodeOf(events[i].seq));
    v1::StoredEvent& added = *response.add_events() = ToProto(events[i], episode);
    events[i].event = {};
    bytes += added.ByteSizeLong();
    // Payloads may end a page early.
    const bool last = i + 1 == page || bytes >= kPageBytes;
    if (last && i + 1 < events.size()) {
      response.set_next_page_token(absl::StrCat(events[i].seq));
      break;
    }
  }
  return response;
}

absl::StatusOr<v1::GetEpisodeResponse> Recaller::GetEpisode(
    const v1::GetEpisodeRequest& request) const {
  EpisodeId id = request.episode_id();
  if (request.target_case() == v1::GetEpisodeRequest::kEvent) {
    MM_ASSIGN_OR_RETURN(const Seq seq, embedder_.reader().FindEvent(request.event()));
    MM_ASSIGN_OR_RETURN(id, episodes_->EpisodeOf(seq));
    if (id == 0) {
      return absl::NotFoundError(absl::StrCat("episode not found: sequence ", seq,
                                              " is not bound; wait until binding has reached it"));
    }
  } else if (request.target_case() == v1::GetEpisodeRequest::TARGET_NOT_SET) {
    return InvalidField("episode_id", "episode not looked up: no target; give its id or an event");
  }
  v1::GetEpisodeResponse response;
  AnswerBudget budget;
  MM_RETURN_IF_ERROR(FillEpisode(id, request.view(), budget, *response.mutable_episode()));
  return response;
}

}  // namespace mixmatch
