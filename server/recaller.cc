// Query → point → neighbours → answers. What they are filled with is in recaller_reads.cc.
#include "server/recaller.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/skills/linear_algebra.h"
#include "server/convert.h"
#include "server/current_call.h"
#include "server/pending.h"
#include "server/recall_page.h"

namespace mixmatch {
namespace {

// A search asks for no more candidates than this.
constexpr size_t kCandidatesMax = 65536;
// A direction that is left over from less than this is noise.
constexpr float kScaleMin = 1e-3F;

}  // namespace

absl::StatusOr<v1::RecallResponse> Recaller::Recall(const v1::RecallRequest& request) const {
  MM_ASSIGN_OR_RETURN(const RankingOptions options, RankingOptions::From(request));
  std::shared_ptr<const Space> space = generations_->serving();
  Reached reached = ReachedNow(*space, *episodes_, *log_);
  RecallPage page{.generation = space->number,
                  .last_seq = reached.embedded.next_seq - 1,
                  .durable = reached.durable,
                  .now = clock_->Now()};
  if (!request.page_token().empty()) {
    MM_ASSIGN_OR_RETURN(page, PageOf(request));
    space = generations_->Find(page.generation);
    if (space == nullptr) {
      return absl::FailedPreconditionError(
          absl::StrCat("recall refused: generation ", page.generation,
                       ", which gave the page before, is gone; start over"));
    }
    // As of the first page: what came later is not pending, it does not belong to the answer.
    reached = ReachedNow(*space, *episodes_, *log_);
    reached.embedded.next_seq = std::min(reached.embedded.next_seq, page.last_seq + 1);
    reached.durable = page.durable;
  }
  MM_ASSIGN_OR_RETURN(const std::vector<ModalityId> partitions, Partitions(request));
  MM_ASSIGN_OR_RETURN(const Aim aim, AimOf(request, options, partitions, *space));
  const RecallRanking ranking(options, &aim, space.get(), log_, episodes_, page);
  MM_ASSIGN_OR_RETURN(Answers answers,
                      FindAnswers(request, options, partitions, aim, page.given, ranking, *space));
  std::span<const RankedAnswer> shown(answers.ranked);
  if (options.diversity > 0) {
    MM_RETURN_IF_ERROR(ranking.Diversify(answers.ranked, page.given + options.k + 1));
    shown = answers.ranked;
    shown = shown.subspan(std::min(page.given, shown.size()));
  }
  const bool more = shown.size() > options.k;
  shown = shown.first(std::min(options.k, shown.size()));

  v1::RecallResponse response;
  AnswerBudget budget;
  std::vector<Neighbour> found;
  for (const RankedAnswer& answer : shown) found.push_back(answer.found);
  MM_ASSIGN_OR_RETURN(std::vector<std::optional<v1::Experience>> experiences,
                      ReadExperiences(*space, found, request.view(), budget));
  for (size_t i = 0; i < shown.size(); ++i) {
    const RankedAnswer& answer = shown[i];
    std::optional<v1::Experience>& experience = experiences[i];
    if (!experience) continue;
    experience->set_similarity(answer.similarity);
    experience->set_score(answer.score);
    experience->set_identical_count(answer.identical_count);
    experience->set_episode_hits(answer.episode_hits);
    if (options.group_by_episode && experience->has_episode()) {
      MM_RETURN_IF_ERROR(FillGroup(request.view(), budget, *experience));
    }
    *response.add_experiences() = *std::move(experience);
  }
  response.set_generation(space->number);
  response.set_plan(answers.plan);
  response.set_candidate_count(answers.candidate_count);
  *response.mutable_pending() = ToProto(PendingOf(reached));
  page.given += shown.size();
  const bool in_pool = options.diversity == 0 || page.given < options.pool();
  if (more && in_pool && page.given < kPagedMax) {
    const RankedAnswer& last = shown.back();
    page.last = {.score = last.score, .item = last.found.item, .partition = last.found.partition};
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
  MM_ASSIGN_OR_RETURN(const EventFilter filter, FromProto(request.filter()));
  std::optional<std::vector<Seq>> allowed;
  if (!filter.empty()) {
    MM_ASSIGN_OR_RETURN(allowed, Allowed(filter, episodes));
  }
  // One more than is shown says whether there is another page; pages before are left by ranking.
  const size_t wanted =
      options.diversity > 0 ? std::max(options.pool(), given + options.k + 1) : options.k + 1;
  const size_t left_out = aim.excluded.size() * config_.limits.percepts_per_event;
  const bool aging = options.half_life > absl::ZeroDuration();
  bool narrowed = false;
  std::map<std::pair<ItemId, ModalityId>, Neighbour> seen;  // of all searches, where there are more
  RecallRanking::Contents contents;
  Answers answers;
  // Asks for more until there are enough after everything that is left out, or there are no more.
  size_t ask = std::max(wanted, given + options.k + 1) + left_out;
  for (size_t equal_max = kCandidatesMax;; ask = std::min(4 * ask, kCandidatesMax)) {
    MM_RETURN_IF_ERROR(CurrentCall::Check());
    MM_ASSIGN_OR_RETURN(
        SearchResult found,
        space.embeddings->Search(partitions, aim.direction, ask,
                                 allowed.has_value() ? &*allowed : nullptr, equal_max));
    // What comes over and over hides everything else. The newest of the same may be the best one
    // where age counts.
    if (options.fold_identical && !aging) equal_max = left_out + 1;
    answers.candidate_count += found.candidate_count;
    answers.plan = std::move(found.plan);
    const bool exhausted = found.neighbours.size() < ask;
    const float last = exhausted ? -2 : aim.scale * found.neighbours.back().similarity;
    if (aging || options.fold_identical) {
      for (const Neighbour& neighbour : found.neighbours) {
        seen.insert_or_assign({neighbour.item, neighbour.partition}, neighbour);
      }
      found.neighbours.clear();
      for (const auto& [name, neighbour] : seen) found.neighbours.push_back(neighbour);
    }
    MM_ASSIGN_OR_RETURN(answers.ranked, ranking.Rank(found.neighbours, contents));
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
    MM_ASSIGN_OR_RETURN(const std::vector<Seq> young, Allowed({.time_start = start}, episodes));
    // One event of an episode may be young, and another pass the filter.
    if (allowed.has_value()) {
      std::vector<Seq> both;
      std::set_intersection(allowed->begin(), allowed->end(), young.begin(), young.end(),
                            std::back_inserter(both));
      allowed = std::move(both);
    } else {
      allowed = young;
    }
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
  return episodes_->EpisodesOf(events);
}

}  // namespace mixmatch
