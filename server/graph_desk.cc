// Everything that is asked of the graph is asked in one go, so that it is of one graph.
#include "server/graph_desk.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/convert.h"

namespace mixmatch {
namespace {

constexpr size_t kNames = 3;
constexpr uint32_t kConceptsMax = 100;
constexpr uint32_t kConceptsDefault = 5;
constexpr uint32_t kExperiencesMax = 20;
constexpr uint32_t kAssociationsMax = 10'000;
constexpr uint32_t kAssociationsDefault = 100;
constexpr uint32_t kPartsMax = 1000;
constexpr uint32_t kPartsDefault = 20;

absl::StatusOr<size_t> Count(const char* field, uint32_t asked, uint32_t by_default,
                             uint32_t most) {
  if (asked > most) {
    return InvalidField(field,
                        absl::StrCat(field, " refused: ", asked, "; ask for at most ", most));
  }
  return asked == 0 ? by_default : asked;
}

v1::Association::Kind ToProto(AssociationKind kind) {
  switch (kind) {
    case AssociationKind::kSuccession:
      return v1::Association::SUCCESSION;
    case AssociationKind::kCoOccurrence:
      return v1::Association::CO_OCCURRENCE;
    case AssociationKind::kPlace:
      return v1::Association::PLACE;
  }
  return v1::Association::KIND_UNSPECIFIED;
}

v1::Association ToProto(const Association& association) {
  v1::Association out;
  out.set_from(association.from);
  out.set_to(association.to);
  out.set_kind(ToProto(association.kind));
  out.set_strength(association.strength);
  out.set_count(association.count);
  out.set_probability(association.probability);
  out.set_chance(association.chance);
  if (association.kind == AssociationKind::kSuccession) {
    *out.mutable_delay() = mixmatch::ToProto(association.delay);
  }
  out.set_indirect(association.indirect);
  *out.mutable_last_time() = mixmatch::ToProto(association.last);
  out.set_recency(association.recency);
  return out;
}

// Every believed association that is no mere detour.
std::vector<Association> Everything(const Graph& graph) {
  std::vector<Association> all;
  for (const AssociationKind kind :
       {AssociationKind::kSuccession, AssociationKind::kCoOccurrence, AssociationKind::kPlace}) {
    const auto some = graph.associations().List(kind, 0, /*indirect=*/false);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// The associations along a path: of each step the one that is most above chance.
template <typename Out>
void FillPath(const std::vector<ConceptId>& path, const std::vector<Association>& all, Out* out) {
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const Association* best = nullptr;
    for (const Association& association : all) {
      if (association.from != path[i] || association.to != path[i + 1]) continue;
      if (best == nullptr ||
          association.probability - association.chance > best->probability - best->chance) {
        best = &association;
      }
    }
    if (best != nullptr) *out->add_path() = ToProto(*best);
  }
}

}  // namespace

absl::StatusOr<GraphDesk::Target> GraphDesk::Read(const v1::ConceptTarget& target,
                                                  const std::string& field) const {
  Target read;
  switch (target.target_case()) {
    case v1::ConceptTarget::kConceptId:
      read.id = target.concept_id();
      return read;
    case v1::ConceptTarget::kPercepts: {
      MM_ASSIGN_OR_RETURN(read.percepts,
                          reader_.Read(target.percepts(), absl::StrCat(field, ".percepts")));
      return read;
    }
    case v1::ConceptTarget::kEvent: {
      MM_ASSIGN_OR_RETURN(const Seq seq, reader_.FindEvent(target.event()));
      MM_ASSIGN_OR_RETURN(read.percepts, reader_.ReadEvent(seq));
      return read;
    }
    case v1::ConceptTarget::TARGET_NOT_SET:
      break;
  }
  return InvalidField(field, "graph not asked: no target; give a concept, percepts or an event");
}

absl::StatusOr<GraphDesk::Seeds> GraphDesk::SeedsOf(const Target& target, const Graph& graph,
                                                    const Space& space) const {
  Seeds seeds;
  if (target.percepts.features.empty()) {
    const ConceptId id = graph.concepts().Resolve(target.id);
    if (id == 0) {
      return FieldError(absl::StatusCode::kNotFound, "target.concept_id",
                        absl::StrCat("concept not found: ", target.id, "; list them"));
    }
    seeds[id] = 1;
    return seeds;
  }
  const Mixture all = target.percepts.mixture();
  std::vector<Mixture> mixtures;
  for (const MixturePercept& percept : all) mixtures.push_back({percept});
  mixtures.push_back(all);
  const auto e = static_cast<size_t>(space.embeddings->dimension());
  std::vector<float> points(mixtures.size() * e);
  MM_RETURN_IF_ERROR(space.encoder->Embed(mixtures, points));
  for (size_t i = 0; i < mixtures.size(); ++i) {
    const bool together = i == all.size();
    if (together && !seeds.empty()) break;
    ModalityId modality = 0;
    if (!together) {
      const auto registered = log_->FindModality(target.percepts.modalities[i].name);
      if (registered.ok()) modality = registered->id;
    }
    const ConceptId id = graph.concepts().Assign(modality, std::span(points).subspan(i * e, e));
    if (id != 0) seeds[id] += 1;
  }
  if (seeds.empty()) {
    return FieldError(absl::StatusCode::kNotFound, "target",
                      "concept not found: what was asked with is like none; ask with something "
                      "that the memory knows");
  }
  return seeds;
}

absl::StatusOr<ConceptId> GraphDesk::OneOf(const Target& target, const Graph& graph,
                                           const Space& space) const {
  MM_ASSIGN_OR_RETURN(const Seeds seeds, SeedsOf(target, graph, space));
  return std::max_element(seeds.begin(), seeds.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::map<ModalityId, std::string> GraphDesk::Modalities() const {
  std::map<ModalityId, std::string> names;
  for (const RegisteredModality& modality : log_->Modalities()) {
    names[modality.id] = modality.spec.name;
  }
  return names;
}

v1::Concept GraphDesk::ConceptProto(ConceptId id, const Graph& graph) const {
  const ConceptFacts& facts = graph.facts(id);
  v1::Concept out;
  out.set_concept_id(id);
  for (const std::string& name : graph.Names(id, kNames)) out.add_names(name);
  out.set_member_count(facts.members);
  const std::map<ModalityId, std::string> names = Modalities();
  for (const auto& [modality, count] : facts.by_modality) {
    const auto name = names.find(modality);
    if (name != names.end()) (*out.mutable_members_by_modality())[name->second] = count;
  }
  if (facts.members > 0) *out.mutable_last_time() = ToProto(facts.last);
  return out;
}

absl::StatusOr<std::vector<v1::Experience>> GraphDesk::Nearest(
    ConceptId id, const google::protobuf::RepeatedPtrField<std::string>& modalities, size_t count,
    const Graph& graph, const Space& space) const {
  const std::set<std::string> wanted(modalities.begin(), modalities.end());
  const Concept* known = graph.concepts().Get(id);
  if (known == nullptr || wanted.empty()) return std::vector<v1::Experience>();
  std::vector<Neighbour> found;
  std::vector<float> vector(static_cast<size_t>(space.embeddings->dimension()));
  for (const ItemId item : known->members) {
    const absl::StatusOr<LoggedEvent> event = log_->Get(item.seq(), Detail::kHeader);
    if (absl::IsNotFound(event.status())) continue;  // forgotten since the concepts were made
    MM_RETURN_IF_ERROR(event.status());
    if (item.percept_index() >= event->event.percepts.size()) continue;
    const std::string& name = event->event.percepts[item.percept_index()].modality;
    if (!wanted.contains(name)) continue;
    MM_ASSIGN_OR_RETURN(const RegisteredModality modality, log_->FindModality(name));
    const absl::Status read = space.embeddings->Read(modality.id, item, vector);
    if (absl::IsNotFound(read)) continue;
    MM_RETURN_IF_ERROR(read);
    found.push_back({item, modality.id,
                     static_cast<float>(graph.concepts().Similarity(id, modality.id, vector))});
  }
  std::sort(found.begin(), found.end(), [](const Neighbour& a, const Neighbour& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.item < b.item;
  });
  if (found.size() > count) found.resize(count);
  return recaller_->Experiences(space, found, v1::BASIC);
}

absl::StatusOr<v1::ListConceptsResponse> GraphDesk::ListConcepts() const {
  v1::ListConceptsResponse response;
  MM_RETURN_IF_ERROR(keeper_->Ask([&](const Graph& graph, const Space& space) {
    for (const Concept& known : graph.concepts().concepts()) {
      *response.add_concepts() = ConceptProto(known.id, graph);
    }
    response.set_generation(space.number);
    response.set_unassigned_count(graph.unassigned());
    response.set_episode_count(graph.episodes());
    return absl::OkStatus();
  }));
  std::stable_sort(response.mutable_concepts()->begin(), response.mutable_concepts()->end(),
                   [](const v1::Concept& a, const v1::Concept& b) {
                     return a.member_count() > b.member_count();
                   });
  return response;
}

absl::StatusOr<v1::GetConceptResponse> GraphDesk::GetConcept(
    const v1::GetConceptRequest& request) const {
  MM_ASSIGN_OR_RETURN(const size_t k, Count("k", request.k(), kConceptsDefault, kConceptsMax));
  MM_ASSIGN_OR_RETURN(const Target target, Read(request.target(), "target"));
  v1::GetConceptResponse response;
  MM_RETURN_IF_ERROR(keeper_->Ask([&](const Graph& graph, const Space& space) -> absl::Status {
    MM_ASSIGN_OR_RETURN(const ConceptId id, OneOf(target, graph, space));
    *response.mutable_node() = ConceptProto(id, graph);
    MM_ASSIGN_OR_RETURN(const auto nearest, Nearest(id, request.modalities(), k, graph, space));
    response.mutable_experiences()->Add(nearest.begin(), nearest.end());
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::ListAssociationsResponse> GraphDesk::ListAssociations(
    const v1::ListAssociationsRequest& request) const {
  MM_ASSIGN_OR_RETURN(const size_t limit,
                      Count("limit", request.limit(), kAssociationsDefault, kAssociationsMax));
  v1::ListAssociationsResponse response;
  MM_RETURN_IF_ERROR(keeper_->Ask([&](const Graph& graph, const Space& /*space*/) -> absl::Status {
    const ConceptId from = request.from() == 0 ? 0 : graph.concepts().Resolve(request.from());
    if (request.from() != 0 && from == 0) {
      return FieldError(absl::StatusCode::kNotFound, "from",
                        absl::StrCat("concept not found: ", request.from(), "; list them"));
    }
    for (const AssociationKind kind :
         {AssociationKind::kSuccession, AssociationKind::kCoOccurrence, AssociationKind::kPlace}) {
      if (request.kind() != v1::Association::KIND_UNSPECIFIED && request.kind() != ToProto(kind)) {
        continue;
      }
      const auto found = graph.associations().List(kind, from, request.indirect());
      for (size_t i = 0; i < std::min(limit, found.size()); ++i) {
        *response.add_associations() = ToProto(found[i]);
      }
    }
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::AssociateResponse> GraphDesk::Associate(
    const v1::AssociateRequest& request) const {
  MM_ASSIGN_OR_RETURN(const size_t k, Count("k", request.k(), kConceptsDefault, kConceptsMax));
  MM_ASSIGN_OR_RETURN(const size_t each,
                      Count("experiences_each", request.experiences_each(), 1, kExperiencesMax));
  MM_ASSIGN_OR_RETURN(const Target target, Read(request.target(), "target"));
  v1::AssociateResponse response;
  MM_RETURN_IF_ERROR(keeper_->Ask([&](const Graph& graph, const Space& space) -> absl::Status {
    MM_ASSIGN_OR_RETURN(const Seeds seeds, SeedsOf(target, graph, space));
    for (const auto& [seed, weight] : seeds) response.add_start(seed);
    const std::vector<Association> all = Everything(graph);
    for (const Activated& activated : Spread(LinksOf(all), seeds)) {
      if (seeds.contains(activated.concept_id)) continue;
      if (static_cast<size_t>(response.activated_size()) == k) break;
      v1::ActivatedConcept& added = *response.add_activated();
      *added.mutable_node() = ConceptProto(activated.concept_id, graph);
      added.set_activation(activated.activation);
      FillPath(activated.path, all, &added);
      MM_ASSIGN_OR_RETURN(const auto nearest,
                          Nearest(activated.concept_id, request.modalities(), each, graph, space));
      added.mutable_experiences()->Add(nearest.begin(), nearest.end());
    }
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::PredictNextResponse> GraphDesk::PredictNext(
    const v1::PredictNextRequest& request) const {
  MM_ASSIGN_OR_RETURN(const size_t k, Count("k", request.k(), kConceptsDefault, kConceptsMax));
  MM_ASSIGN_OR_RETURN(const Target target, Read(request.target(), "target"));
  v1::PredictNextResponse response;
  MM_RETURN_IF_ERROR(keeper_->Ask([&](const Graph& graph, const Space& space) -> absl::Status {
    MM_ASSIGN_OR_RETURN(const ConceptId id, OneOf(target, graph, space));
    std::vector<Association> next =
        graph.associations().List(AssociationKind::kSuccession, id, /*indirect=*/true);
    std::stable_sort(next.begin(), next.end(), [](const Association& a, const Association& b) {
      return a.recency * (a.probability - a.chance) > b.recency * (b.probability - b.chance);
    });
    // What follows what follows comes after everything that follows by itself.
    std::stable_partition(next.begin(), next.end(),
                          [](const Association& a) { return !a.indirect; });
    for (size_t i = 0; i < std::min(k, next.size()); ++i) {
      v1::NextConcept& added = *response.add_next();
      *added.mutable_node() = ConceptProto(next[i].to, graph);
      added.set_probability(next[i].probability);
      added.set_chance(next[i].chance);
      *added.mutable_delay() = ToProto(next[i].delay);
    }
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::FindPathResponse> GraphDesk::FindPath(const v1::FindPathRequest& request) const {
  MM_ASSIGN_OR_RETURN(const Target from, Read(request.from(), "from"));
  MM_ASSIGN_OR_RETURN(const Target to, Read(request.to(), "to"));
  v1::FindPathResponse response;
  MM_RETURN_IF_ERROR(keeper_->Ask([&](const Graph& graph, const Space& space) -> absl::Status {
    MM_ASSIGN_OR_RETURN(const ConceptId first, OneOf(from, graph, space));
    MM_ASSIGN_OR_RETURN(const ConceptId last, OneOf(to, graph, space));
    const std::vector<Association> all = Everything(graph);
    FillPath(StrongestPath(LinksOf(all), first, last), all, &response);
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::GetTimelineResponse> GraphDesk::GetTimeline(
    const v1::GetTimelineRequest& request) const {
  MM_ASSIGN_OR_RETURN(const size_t parts,
                      Count("parts", request.parts(), kPartsDefault, kPartsMax));
  MM_ASSIGN_OR_RETURN(const Target target, Read(request.target(), "target"));
  v1::Filter range;
  *range.mutable_time() = request.time();
  MM_ASSIGN_OR_RETURN(const EventFilter asked, FromProto(range));
  v1::GetTimelineResponse response;
  MM_RETURN_IF_ERROR(keeper_->Ask([&](const Graph& graph, const Space& space) -> absl::Status {
    MM_ASSIGN_OR_RETURN(const ConceptId id, OneOf(target, graph, space));
    const auto [first, last] = graph.Span(id);
    const absl::Time start = asked.time_start.value_or(first);
    const absl::Time end = asked.time_end.value_or(last + absl::Nanoseconds(1));
    if (!(start < end)) {
      return InvalidField("time", "timeline refused: the time ends before it begins");
    }
    const std::vector<uint64_t> counts = graph.Timeline(id, start, end, parts);
    for (size_t i = 0; i < counts.size(); ++i) {
      v1::GetTimelineResponse::Part& part = *response.add_parts();
      *part.mutable_start() =
          ToProto(start + (end - start) / static_cast<int64_t>(parts) * static_cast<int64_t>(i));
      part.set_count(counts[i]);
    }
    return absl::OkStatus();
  }));
  return response;
}

}  // namespace mixmatch
