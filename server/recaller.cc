// Query → point → neighbours → experiences; and the plain reads.
#include "server/recaller.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/skills/linear_algebra.h"
#include "server/convert.h"
#include "server/recall_page.h"

namespace mixmatch {
namespace {

constexpr uint32_t kPageMax = 1000;
constexpr uint32_t kPageDefault = 100;
// A search asks for no more candidates than this.
constexpr size_t kCandidatesMax = 65536;
// A direction that is left over from less than this is noise.
constexpr float kScaleMin = 1e-3F;

Detail DetailOf(v1::View view) { return view == v1::FULL ? Detail::kFull : Detail::kHeader; }

}  // namespace

absl::StatusOr<v1::RecallResponse> Recaller::Recall(const v1::RecallRequest& request) const {
  MM_ASSIGN_OR_RETURN(const RankingOptions options, RankingOptions::From(request));
  std::shared_ptr<const Space> space = generations_->serving();
  RecallPage page{
      .generation = space->number, .last_seq = log_->last_seq(), .now = clock_->Now(), .given = 0};
  if (!request.page_token().empty()) {
    MM_ASSIGN_OR_RETURN(page, PageOf(request));
    space = generations_->Find(page.generation);
    if (space == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("recall refused: generation ", page.generation,
                       ", which gave the page before, is gone; start over"));
    }
  }
  MM_ASSIGN_OR_RETURN(const std::vector<ModalityId> partitions, Partitions(request));
  MM_ASSIGN_OR_RETURN(const Aim aim, AimOf(request, options, partitions, *space));
  const RecallRanking ranking(options, &aim, space.get(), log_, episodes_, page.now, page.last_seq);
  MM_ASSIGN_OR_RETURN(Answers answers,
                      FindAnswers(request, options, partitions, aim, page.given, ranking, *space));
  const bool more = answers.ranked.size() > page.given + options.k;
  if (options.diversity > 0) {
    MM_RETURN_IF_ERROR(ranking.Diversify(answers.ranked, page.given + options.k));
  }
  std::span<const RankedAnswer> shown(answers.ranked);
  shown = shown.subspan(std::min(page.given, shown.size()));
  shown = shown.first(std::min(options.k, shown.size()));

  std::vector<Neighbour> found;
  for (const RankedAnswer& answer : shown) found.push_back(answer.found);
  MM_ASSIGN_OR_RETURN(std::vector<v1::Experience> experiences,
                      Experiences(*space, found, request.view()));
  v1::RecallResponse response;
  for (size_t i = 0; i < experiences.size(); ++i) {
    v1::Experience& experience = experiences[i];
    experience.set_similarity(shown[i].similarity);
    experience.set_score(shown[i].score);
    experience.set_identical_count(shown[i].identical_count);
    experience.set_episode_hits(shown[i].episode_hits);
    if (options.group_by_episode && experience.has_episode()) {
      const EpisodeId id = experience.episode().episode_id();
      MM_RETURN_IF_ERROR(
          FillEpisode(id, /*with_events=*/true, request.view(), *experience.mutable_episode()));
    }
    *response.add_experiences() = std::move(experience);
  }
  response.set_generation(space->number);
  response.set_plan(answers.plan);
  response.set_candidate_count(answers.candidate_count);
  page.given += shown.size();
  const bool in_pool = options.diversity == 0 || page.given < options.pool();
  if (more && in_pool && page.given < kPagedMax) {
    response.set_next_page_token(ToToken(page, request));
  }
  return response;
}

absl::StatusOr<Aim> Recaller::AimOf(const v1::RecallRequest& request, const RankingOptions& options,
                                    std::span<const ModalityId> partitions,
                                    const Space& space) const {
  const bool episodes = request.modalities().empty();
  const auto exclude = [episodes](const QueryPoint& point, Aim& aim) {
    const Seq own = episodes ? point.own_episode : point.own_event;
    if (own > 0) aim.excluded.insert(own);
  };
  Aim aim;
  MM_ASSIGN_OR_RETURN(const QueryPoint point,
                      embedder_.PointOf(request.query(), "query", partitions, space));
  exclude(point, aim);
  aim.query = point.vector;
  aim.direction = point.vector;
  if (request.negatives().empty()) return aim;
  const float weight = options.negative_weight / static_cast<float>(request.negatives_size());
  for (int i = 0; i < request.negatives_size(); ++i) {
    MM_ASSIGN_OR_RETURN(const QueryPoint negative,
                        embedder_.PointOf(request.negatives(i), absl::StrCat("negatives[", i, "]"),
                                          partitions, space));
    exclude(negative, aim);
    for (size_t d = 0; d < aim.direction.size(); ++d) {
      aim.direction[d] -= weight * negative.vector[d];
    }
  }
  aim.scale = std::sqrt(Dot(aim.direction, aim.direction));
  if (aim.scale < kScaleMin) {
    return InvalidField("negatives",
                        "negatives refused: they leave nothing of the query; give others, or a "
                        "smaller negative_weight");
  }
  Normalise(aim.direction);
  return aim;
}

absl::StatusOr<Recaller::Answers> Recaller::FindAnswers(const v1::RecallRequest& request,
                                                        const RankingOptions& options,
                                                        std::span<const ModalityId> partitions,
                                                        const Aim& aim, size_t given,
                                                        const RecallRanking& ranking,
                                                        const Space& space) const {
  const bool episodes = request.modalities().empty();
  MM_ASSIGN_OR_RETURN(EventFilter filter, FromProto(request.filter()));
  std::optional<std::vector<Seq>> allowed;
  if (!filter.empty()) {
    MM_ASSIGN_OR_RETURN(allowed, Allowed(filter, episodes));
  }
  // One more than is shown says whether there is another page.
  const size_t wanted = options.diversity > 0 ? std::max(options.pool(), given + options.k + 1)
                                              : given + options.k + 1;
  const bool aging = options.half_life > absl::ZeroDuration();
  bool narrowed = false;
  std::map<std::pair<ItemId, ModalityId>, Neighbour> seen;  // of all searches, where there are more
  Answers answers;
  // Asks for more until there are enough after everything that is left out, or there are no more.
  for (size_t ask = wanted + aim.excluded.size() * config_.limits.percepts_per_event;; ask *= 4) {
    MM_ASSIGN_OR_RETURN(SearchResult found,
                        space.embeddings->Search(partitions, aim.direction, ask,
                                                 allowed.has_value() ? &*allowed : nullptr));
    answers.candidate_count += found.candidate_count;
    answers.plan = std::move(found.plan);
    const bool exhausted = found.neighbours.size() < ask;
    const float last = exhausted ? -2 : aim.scale * found.neighbours.back().similarity;
    if (aging) {
      for (const Neighbour& neighbour : found.neighbours) {
        seen.insert_or_assign({neighbour.item, neighbour.partition}, neighbour);
      }
      found.neighbours.clear();
      for (const auto& [name, neighbour] : seen) found.neighbours.push_back(neighbour);
    }
    MM_ASSIGN_OR_RETURN(answers.ranked, ranking.Rank(found.neighbours));
    if (exhausted || ask >= kCandidatesMax) return answers;
    const bool below_floor =
        options.similarity_min && request.negatives().empty() && last < *options.similarity_min;
    if (below_floor) return answers;
    if (answers.ranked.size() < wanted) continue;
    // What was not found has a score of at most `last`, and less with age.
    const float worst = answers.ranked[wanted - 1].score;
    if (!aging || worst >= last) return answers;
    if (narrowed || worst <= 0) continue;
    // It has to be this young to be better than the worst of them.
    const absl::Duration age = options.half_life * std::log2(last / worst);
    const absl::Time start = ranking.now() - age;
    if (!filter.time_start || *filter.time_start < start) filter.time_start = start;
    MM_ASSIGN_OR_RETURN(allowed, Allowed(filter, episodes));
    narrowed = true;
  }
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

absl::StatusOr<std::vector<Seq>> Recaller::Allowed(const EventFilter& filter, bool episodes) const {
  MM_ASSIGN_OR_RETURN(std::vector<Seq> events, log_->Resolve(filter));
  if (!episodes) return events;
  std::vector<Seq> ids;
  for (const Seq seq : events) {
    MM_ASSIGN_OR_RETURN(const EpisodeId id, episodes_->EpisodeOf(seq));
    if (id != 0) ids.push_back(id);  // an event that is not bound yet has none
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
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
  MM_ASSIGN_OR_RETURN(const EpisodeId episode, episodes_->EpisodeOf(seq));
  return ToProto(event, episode);
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
  MM_ASSIGN_OR_RETURN(*response.mutable_event(), ReadEvent(seq, request.view()));
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
  MM_ASSIGN_OR_RETURN(
      const std::vector<LoggedEvent> events,
      log_->List(filter, after, page + 1, request.descending(), DetailOf(request.view())));
  v1::ListEventsResponse response;
  for (size_t i = 0; i < std::min(page, events.size()); ++i) {
    MM_ASSIGN_OR_RETURN(const EpisodeId episode, episodes_->EpisodeOf(events[i].seq));
    *response.add_events() = ToProto(events[i], episode);
  }
  if (events.size() > page) response.set_next_page_token(absl::StrCat(events[page - 1].seq));
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
  MM_RETURN_IF_ERROR(
      FillEpisode(id, /*with_events=*/true, request.view(), *response.mutable_episode()));
  return response;
}

}  // namespace mixmatch
