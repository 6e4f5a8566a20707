// Query → point → neighbours → experiences; and the plain reads.
#include "server/recaller.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert.h"

namespace mixmatch {
namespace {

constexpr uint32_t kResultsMax = 1000;
constexpr uint32_t kResultsDefault = 10;
constexpr uint32_t kPageDefault = 100;
// Folding looks at no more candidates than this.
constexpr size_t kFoldCandidatesMax = 65536;
// A part of a query weighs less by a factor of e where so many neighbours are on average by so much
// less similar than another part's. Chosen on the digits eval's validation part.
constexpr size_t kPartNeighbours = 10;
constexpr double kPartSharpness = 0.1;

Detail DetailOf(v1::View view) { return view == v1::FULL ? Detail::kFull : Detail::kHeader; }

absl::Status CheckCount(const char* field, uint32_t count) {
  if (count <= kResultsMax) return absl::OkStatus();
  return InvalidField(field,
                      absl::StrCat(field, " refused: ", count, "; ask for at most ", kResultsMax));
}

// A query's vector, brought to length 1.
absl::StatusOr<std::vector<float>> UnitVector(const v1::Embedding& embedding, const Space& space) {
  if (embedding.generation() != 0 && embedding.generation() != space.number) {
    return absl::FailedPreconditionError(
        absl::StrCat("query refused: its vector is of generation ", embedding.generation(),
                     ", which does not serve (", space.number, " does); embed it again"));
  }
  const auto dimension = static_cast<size_t>(space.embeddings->dimension());
  std::vector<float> vector(embedding.values().begin(), embedding.values().end());
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  if (vector.size() != dimension || !std::isfinite(squares) || squares <= 0) {
    return InvalidField("query.embedding.values",
                        absl::StrCat("query refused: ", vector.size(),
                                     " numbers; send a finite vector other than 0 of ", dimension));
  }
  const auto scale = static_cast<float>(1.0 / std::sqrt(squares));
  for (float& value : vector) value *= scale;
  return vector;
}

}  // namespace

absl::StatusOr<v1::RecallResponse> Recaller::Recall(const v1::RecallRequest& request) const {
  MM_RETURN_IF_ERROR(CheckCount("k", request.k()));
  const size_t k = request.k() == 0 ? kResultsDefault : request.k();
  const std::shared_ptr<const Space> space = generations_->serving();
  MM_ASSIGN_OR_RETURN(const std::vector<ModalityId> partitions, Partitions(request));
  MM_ASSIGN_OR_RETURN(const QueryPoint point, PointOf(request.query(), partitions, *space));
  const bool want_episodes = request.modalities().empty();
  const Seq excluded = want_episodes ? point.own_episode : point.own_event;

  MM_ASSIGN_OR_RETURN(const EventFilter filter, FromProto(request.filter()));
  std::vector<Seq> allowed;
  if (!filter.empty()) {
    MM_ASSIGN_OR_RETURN(allowed, Allowed(request.filter(), want_episodes));
  }
  SearchResult found;
  std::vector<Neighbour> kept;
  std::vector<uint64_t> counts;
  // Asks for more until k are left after exclusion and folding, or there are no more.
  for (size_t ask = k + (excluded > 0 ? config_.limits.percepts_per_event : 0);; ask *= 4) {
    MM_ASSIGN_OR_RETURN(found, space->embeddings->Search(partitions, point.vector, ask,
                                                         filter.empty() ? nullptr : &allowed));
    const bool more = found.neighbours.size() == ask && ask < kFoldCandidatesMax;
    kept = found.neighbours;
    std::erase_if(
        kept, [excluded](const Neighbour& n) { return excluded > 0 && n.item.seq() == excluded; });
    counts.assign(kept.size(), 1);
    if (request.fold_identical()) {
      MM_ASSIGN_OR_RETURN(kept, Fold(kept, counts));
    }
    if (kept.size() >= k || !more) break;
  }
  if (kept.size() > k) kept.resize(k);
  v1::RecallResponse response;
  MM_ASSIGN_OR_RETURN(std::vector<v1::Experience> experiences,
                      Experiences(*space, kept, request.view()));
  for (size_t i = 0; i < experiences.size(); ++i) {
    experiences[i].set_identical_count(counts[i]);
    *response.add_experiences() = std::move(experiences[i]);
  }
  response.set_generation(space->number);
  response.set_plan(found.plan);
  response.set_candidate_count(found.candidate_count);
  return response;
}

absl::StatusOr<std::vector<ModalityId>> Recaller::Partitions(
    const v1::RecallRequest& request) const {
  if (request.modalities().empty()) return std::vector<ModalityId>{kEpisodePartition};
  std::set<ModalityId> partitions;
  for (const std::string& name : request.modalities()) {
    const auto modality = log_->FindModality(name);
    if (absl::IsNotFound(modality.status())) {
      return FieldError(absl::StatusCode::kNotFound, "modalities",
                        absl::StrCat("recall refused: no percept of modality '", name,
                                     "' was ever stored; the status lists the modalities"));
    }
    MM_RETURN_IF_ERROR(modality.status());
    partitions.insert(modality->id);
  }
  return std::vector<ModalityId>(partitions.begin(), partitions.end());
}

absl::StatusOr<std::vector<Seq>> Recaller::Allowed(const v1::Filter& filter, bool episodes) const {
  MM_ASSIGN_OR_RETURN(const EventFilter conditions, FromProto(filter));
  MM_ASSIGN_OR_RETURN(std::vector<Seq> events, log_->Resolve(conditions));
  if (!episodes) return events;
  std::vector<Seq> ids;
  for (const Seq seq : events) {
    const absl::StatusOr<EpisodeId> id = episodes_->EpisodeOf(seq);
    if (id.ok()) ids.push_back(*id);  // an event that is not bound yet has none
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

absl::StatusOr<Recaller::QueryPoint> Recaller::PointOf(const v1::Query& query,
                                                       std::span<const ModalityId> partitions,
                                                       const Space& space) const {
  QueryPoint point;
  switch (query.target_case()) {
    case v1::Query::kPercepts: {
      MM_ASSIGN_OR_RETURN(const QueryPercepts percepts,
                          reader_.Read(query.percepts(), "query.percepts"));
      // Episodes are embedded as mixtures, and so found by them.
      const bool episodes = partitions.size() == 1 && partitions[0] == kEpisodePartition;
      MM_ASSIGN_OR_RETURN(point.vector, episodes ? EmbedQuery(percepts, space)
                                                 : EmbedByParts(percepts, partitions, space));
      return point;
    }
    case v1::Query::kEmbedding: {
      MM_ASSIGN_OR_RETURN(point.vector, UnitVector(query.embedding(), space));
      return point;
    }
    case v1::Query::kEvent:
      break;
    case v1::Query::TARGET_NOT_SET:
      return InvalidField("query", "query refused: empty; give percepts, an event or an embedding");
  }
  MM_ASSIGN_OR_RETURN(point.own_event, reader_.FindEvent(query.event()));
  const absl::StatusOr<EpisodeId> episode = episodes_->EpisodeOf(point.own_event);
  if (episode.ok()) point.own_episode = *episode;
  MM_ASSIGN_OR_RETURN(const QueryPercepts percepts, reader_.ReadEvent(point.own_event));
  MM_ASSIGN_OR_RETURN(point.vector, EmbedQuery(percepts, space));
  return point;
}

absl::StatusOr<std::vector<float>> Recaller::EmbedMixture(const v1::PerceptMixture& mixture,
                                                          const Space& space) const {
  MM_ASSIGN_OR_RETURN(const QueryPercepts query, reader_.Read(mixture, "query.percepts"));
  return EmbedQuery(query, space);
}

absl::StatusOr<std::vector<float>> Recaller::EmbedQuery(const QueryPercepts& query,
                                                        const Space& space) const {
  const Mixture mixture = query.mixture();
  std::vector<float> vector(static_cast<size_t>(space.embeddings->dimension()));
  MM_RETURN_IF_ERROR(space.encoder->Embed({&mixture, 1}, vector));
  return vector;
}

absl::StatusOr<std::vector<float>> Recaller::EmbedByParts(const QueryPercepts& query,
                                                          std::span<const ModalityId> partitions,
                                                          const Space& space) const {
  const Mixture all = query.mixture();
  if (all.size() < 2) return EmbedQuery(query, space);
  std::vector<Mixture> mixtures;
  for (const MixturePercept& percept : all) mixtures.push_back({percept});
  const auto dimension = static_cast<size_t>(space.embeddings->dimension());
  std::vector<float> points(mixtures.size() * dimension);
  MM_RETURN_IF_ERROR(space.encoder->Embed(mixtures, points));
  std::vector<double> nearness;
  for (size_t part = 0; part < mixtures.size(); ++part) {
    const std::span<const float> point(points.data() + part * dimension, dimension);
    MM_ASSIGN_OR_RETURN(const SearchResult near,
                        space.embeddings->Search(partitions, point, kPartNeighbours, nullptr));
    double sum = 0;
    for (const Neighbour& neighbour : near.neighbours) sum += neighbour.similarity;
    nearness.push_back(sum / std::max<double>(1, static_cast<double>(near.neighbours.size())));
  }
  const double nearest = *std::max_element(nearness.begin(), nearness.end());
  std::vector<float> vector(dimension);
  double squares = 0;
  for (size_t i = 0; i < dimension; ++i) {
    double sum = 0;
    for (size_t part = 0; part < mixtures.size(); ++part) {
      sum += std::exp((nearness[part] - nearest) / kPartSharpness) * points[part * dimension + i];
    }
    vector[i] = static_cast<float>(sum);
    squares += sum * sum;
  }
  const auto scale = static_cast<float>(1 / std::sqrt(std::max(squares, 1e-12)));
  for (float& value : vector) value *= scale;
  return vector;
}

absl::StatusOr<std::vector<Neighbour>> Recaller::Fold(std::span<const Neighbour> found,
                                                      std::vector<uint64_t>& counts) const {
  std::vector<Neighbour> folded;
  counts.clear();
  std::map<ContentHash, size_t> place;
  for (const Neighbour& neighbour : found) {
    if (neighbour.item.is_episode()) {  // episodes are never identical: their events are not
      folded.push_back(neighbour);
      counts.push_back(1);
      continue;
    }
    MM_ASSIGN_OR_RETURN(const std::vector<StoredPercept> percepts,
                        log_->EventPercepts(neighbour.item.seq()));
    const auto percept =
        std::find_if(percepts.begin(), percepts.end(),
                     [&neighbour](const StoredPercept& p) { return p.item == neighbour.item; });
    if (percept == percepts.end()) {
      return absl::DataLossError(absl::StrCat("recall failed: event ", neighbour.item.seq(),
                                              " lacks the features of a percept; run a rebuild"));
    }
    const auto [entry, added] = place.emplace(percept->features.content, folded.size());
    if (added) {
      folded.push_back(neighbour);
      counts.push_back(1);
    } else {
      ++counts[entry->second];
    }
  }
  return folded;
}

absl::StatusOr<std::vector<v1::Experience>> Recaller::Experiences(const Space& space,
                                                                  std::span<const Neighbour> found,
                                                                  v1::View view) const {
  std::map<ModalityId, std::string> names;
  for (const RegisteredModality& modality : log_->Modalities()) {
    names[modality.id] = modality.spec.name;
  }
  std::vector<v1::Experience> experiences;
  for (const Neighbour& neighbour : found) {
    v1::Experience experience;
    experience.set_similarity(neighbour.similarity);
    experience.set_generation(space.number);
    if (neighbour.item.is_episode()) {
      MM_RETURN_IF_ERROR(FillEpisode(neighbour.item.seq(), /*with_events=*/true, view,
                                     *experience.mutable_episode()));
    } else {
      experience.set_percept_index(neighbour.item.percept_index());
      experience.set_modality(names[neighbour.partition]);
      MM_ASSIGN_OR_RETURN(*experience.mutable_event(), ReadEvent(neighbour.item.seq(), view));
      if (experience.event().episode_id() != 0) {
        MM_RETURN_IF_ERROR(FillEpisode(experience.event().episode_id(), /*with_events=*/false, view,
                                       *experience.mutable_episode()));
      }
    }
    experiences.push_back(std::move(experience));
  }
  return experiences;
}

absl::StatusOr<v1::StoredEvent> Recaller::ReadEvent(Seq seq, v1::View view) const {
  MM_ASSIGN_OR_RETURN(const LoggedEvent event, log_->Get(seq, DetailOf(view)));
  const absl::StatusOr<EpisodeId> episode = episodes_->EpisodeOf(seq);
  return ToProto(event, episode.ok() ? *episode : 0);
}

absl::Status Recaller::FillEpisode(EpisodeId id, bool with_events, v1::View view,
                                   v1::Episode& episode) const {
  const absl::StatusOr<Episode> stored = episodes_->Get(id);
  // Merged into another since it was looked up: the event is there all the same.
  if (absl::IsNotFound(stored.status()) && !with_events) return absl::OkStatus();
  MM_RETURN_IF_ERROR(stored.status());
  episode = ToProto(*stored);
  if (!with_events) return absl::OkStatus();
  std::vector<EpisodeMember> members = stored->members;
  std::stable_sort(members.begin(), members.end(),
                   [](const EpisodeMember& a, const EpisodeMember& b) { return a.time < b.time; });
  for (const EpisodeMember& member : members) {
    MM_ASSIGN_OR_RETURN(*episode.add_events(), ReadEvent(member.seq, view));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::EmbedResponse> Recaller::Embed(const v1::EmbedRequest& request) const {
  const std::shared_ptr<const Space> space = generations_->serving();
  MM_ASSIGN_OR_RETURN(const std::vector<float> vector, EmbedMixture(request.percepts(), *space));
  v1::EmbedResponse response;
  response.mutable_embedding()->mutable_values()->Add(vector.begin(), vector.end());
  response.mutable_embedding()->set_generation(space->number);
  return response;
}

absl::StatusOr<v1::GetEventResponse> Recaller::GetEvent(const v1::GetEventRequest& request) const {
  Seq seq = request.sequence();
  if (request.target_case() == v1::GetEventRequest::kEvent) {
    MM_ASSIGN_OR_RETURN(seq, reader_.FindEvent(request.event()));
  } else if (request.target_case() == v1::GetEventRequest::TARGET_NOT_SET) {
    return InvalidField("event", "event not looked up: no target; give its key or sequence");
  }
  v1::GetEventResponse response;
  MM_ASSIGN_OR_RETURN(*response.mutable_event(), ReadEvent(seq, request.view()));
  return response;
}

absl::StatusOr<v1::ListEventsResponse> Recaller::ListEvents(
    const v1::ListEventsRequest& request) const {
  MM_RETURN_IF_ERROR(CheckCount("page_size", request.page_size()));
  const size_t page = request.page_size() == 0 ? kPageDefault : request.page_size();
  Seq after = 0;
  if (!request.page_token().empty() && !absl::SimpleAtoi(request.page_token(), &after)) {
    return InvalidField("page_token",
                        "list refused: page_token is not one that a page came with; start over");
  }
  MM_ASSIGN_OR_RETURN(const EventFilter filter, FromProto(request.filter()));
  MM_ASSIGN_OR_RETURN(
      const std::vector<LoggedEvent> events,
      log_->List(filter, after, page + 1, request.descending(), DetailOf(request.view())));
  v1::ListEventsResponse response;
  for (size_t i = 0; i < std::min(page, events.size()); ++i) {
    const absl::StatusOr<EpisodeId> episode = episodes_->EpisodeOf(events[i].seq);
    *response.add_events() = ToProto(events[i], episode.ok() ? *episode : 0);
  }
  if (events.size() > page) response.set_next_page_token(absl::StrCat(events[page - 1].seq));
  return response;
}

absl::StatusOr<v1::GetEpisodeResponse> Recaller::GetEpisode(
    const v1::GetEpisodeRequest& request) const {
  EpisodeId id = request.episode_id();
  if (request.target_case() == v1::GetEpisodeRequest::kEvent) {
    MM_ASSIGN_OR_RETURN(const Seq seq, reader_.FindEvent(request.event()));
    MM_ASSIGN_OR_RETURN(id, episodes_->EpisodeOf(seq));
  } else if (request.target_case() == v1::GetEpisodeRequest::TARGET_NOT_SET) {
    return InvalidField("episode_id", "episode not looked up: no target; give its id or an event");
  }
  v1::GetEpisodeResponse response;
  MM_RETURN_IF_ERROR(
      FillEpisode(id, /*with_events=*/true, request.view(), *response.mutable_episode()));
  return response;
}

}  // namespace mixmatch
