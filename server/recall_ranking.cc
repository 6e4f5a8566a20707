// Each step takes the answers in the order of their scores and keeps it.
#include "server/recall_ranking.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/skills/linear_algebra.h"
#include "server/convert.h"
#include "server/current_call.h"

namespace mixmatch {
namespace {

constexpr uint32_t kResultsMax = 1000;
constexpr int kNegativesMax = 16;

absl::Status Refused(const char* field, float value, const char* range) {
  return InvalidField(field, absl::StrCat(field, " refused: ", value, "; give ", range));
}

bool IsBetter(const RankedAnswer& a, const RankedAnswer& b) {
  if (a.score != b.score) return a.score > b.score;
  if (a.found.item != b.found.item) return a.found.item < b.found.item;
  return a.found.partition < b.found.partition;
}

// Keeps the first answer of each key; `stand_for(head, other)` is called for the others.
template <typename KeyOf, typename StandFor>
void KeepFirst(std::vector<RankedAnswer>& answers, KeyOf key_of, StandFor stand_for) {
  std::vector<RankedAnswer> heads;
  std::map<decltype(key_of(0)), size_t> place;
  for (size_t i = 0; i < answers.size(); ++i) {
    const auto [entry, added] = place.emplace(key_of(i), heads.size());
    if (added) {
      heads.push_back(answers[i]);
    } else {
      stand_for(heads[entry->second], answers[i]);
    }
  }
  answers = std::move(heads);
}

}  // namespace

absl::StatusOr<RankingOptions> RankingOptions::From(const v1::RecallRequest& request) {
  if (request.k() > kResultsMax) {
    return InvalidField(
        "k", absl::StrCat("k refused: ", request.k(), "; ask for at most ", kResultsMax));
  }
  RankingOptions options;
  if (request.k() > 0) options.k = request.k();
  if (request.negatives_size() > kNegativesMax) {
    return InvalidField("negatives", absl::StrCat("negatives refused: ", request.negatives_size(),
                                                  "; give at most ", kNegativesMax));
  }
  const float weight = request.negative_weight();
  if (!(weight >= 0 && weight <= 1)) {
    return Refused("negative_weight", weight, "a number above 0 and at most 1");
  }
  if (weight > 0) options.negative_weight = weight;
  if (request.has_half_life()) {
    options.half_life = FromProto(request.half_life());
    if (options.half_life <= absl::ZeroDuration()) {
      return InvalidField(
          "half_life", absl::StrCat("half_life refused: ", absl::FormatDuration(options.half_life),
                                    "; give a time above 0, or none"));
    }
  }
  if (request.has_similarity_min()) {
    const float least = request.similarity_min().value();
    if (!(least >= -1 && least <= 1)) return Refused("similarity_min", least, "-1 to 1");
    options.similarity_min = least;
  }
  options.diversity = request.diversity();
  if (!(options.diversity >= 0 && options.diversity <= 1)) {
    return Refused("diversity", options.diversity, "0 to 1");
  }
  options.fold_identical = request.fold_identical();
  options.group_by_episode = request.group_by_episode();
  if (options.group_by_episode && request.modalities().empty()) {
    return InvalidField("group_by_episode",
                        "group_by_episode refused: without modalities answers are episodes "
                        "already; name the wanted modalities");
  }
  return options;
}

absl::StatusOr<std::vector<RankedAnswer>> RecallRanking::Rank(std::span<const Neighbour> found,
                                                              Contents& contents) const {
  std::vector<RankedAnswer> answers;
  std::vector<float> vector(aim_.query.size());
  const bool straight = aim_.query == aim_.direction;
  for (const Neighbour& neighbour : found) {
    if (neighbour.item.seq() > page_.last_seq || aim_.excluded.contains(neighbour.item.seq()))
      continue;
    RankedAnswer answer{.found = neighbour,
                        .similarity = neighbour.similarity,
                        .score = aim_.scale * neighbour.similarity};
    if (!straight) {
      MM_RETURN_IF_ERROR(space_.embeddings->ReadFound(neighbour, vector));
      answer.similarity = std::clamp(Dot(vector, aim_.query), -1.0F, 1.0F);
    }
    if (options_.similarity_min && answer.similarity < *options_.similarity_min) continue;
    answers.push_back(answer);
  }
  if (options_.half_life > absl::ZeroDuration()) MM_RETURN_IF_ERROR(Age(answers));
  std::sort(answers.begin(), answers.end(), IsBetter);
  if (options_.fold_identical) MM_RETURN_IF_ERROR(FoldIdentical(answers, contents));
  if (options_.group_by_episode) MM_RETURN_IF_ERROR(GroupByEpisode(answers));
  TurnPage(answers);
  return answers;
}

absl::Status RecallRanking::Age(std::vector<RankedAnswer>& answers) const {
  std::vector<Seq> events;
  for (const RankedAnswer& answer : answers) {
    if (!answer.found.item.is_episode()) events.push_back(answer.found.item.seq());
  }
  MM_ASSIGN_OR_RETURN(const std::vector<absl::Time> times, log_.TimesOf(events));
  auto time_of_event = times.begin();
  for (RankedAnswer& answer : answers) {
    absl::Time time;
    if (answer.found.item.is_episode()) {
      MM_ASSIGN_OR_RETURN(const Episode episode, episodes_.Get(answer.found.item.seq()));
      time = absl::InfinitePast();
      for (const EpisodeMember& member : episode.members) time = std::max(time, member.time);
    } else {
      time = *time_of_event++;
    }
    const double halvings = std::max(0.0, absl::FDivDuration(page_.now - time, options_.half_life));
    if (answer.score > 0) answer.score *= static_cast<float>(std::exp2(-halvings));
  }
  return absl::OkStatus();
}

absl::StatusOr<ContentHash> RecallRanking::ContentOf(ItemId item) const {
  MM_ASSIGN_OR_RETURN(const std::vector<StoredPercept> percepts, log_.EventPercepts(item.seq()));
  const auto percept = std::find_if(percepts.begin(), percepts.end(),
                                    [item](const StoredPercept& p) { return p.item == item; });
  if (percept == percepts.end()) {
    return absl::DataLossError(absl::StrCat("recall failed: event ", item.seq(),
                                            " lacks the features of a percept; run a rebuild"));
  }
  return percept->features.content;
}

absl::Status RecallRanking::FoldIdentical(std::vector<RankedAnswer>& answers,
                                          Contents& contents) const {
  std::vector<std::pair<ContentHash, Seq>> keys;
  for (const RankedAnswer& answer : answers) {
    const ItemId item = answer.found.item;
    if (item.is_episode()) {  // never identical: their events are not
      keys.emplace_back(ContentHash{}, item.seq());
      continue;
    }
    const auto [known, added] = contents.try_emplace(item);
    if (added) {
      MM_RETURN_IF_ERROR(CurrentCall::Check());
      MM_ASSIGN_OR_RETURN(known->second, ContentOf(item));
    }
    keys.emplace_back(known->second, 0);
  }
  KeepFirst(
      answers, [&keys](size_t i) { return keys[i]; },
      [](RankedAnswer& head, const RankedAnswer&) { ++head.identical_count; });
  return absl::OkStatus();
}

void RecallRanking::TurnPage(std::vector<RankedAnswer>& answers) const {
  if (!page_.last || options_.diversity > 0) return;
  const RankedAnswer last{.found = {.item = page_.last->item, .partition = page_.last->partition},
                          .score = page_.last->score};
  // The last one itself may have come a little nearer or farther, by another form of its numbers.
  std::erase_if(answers, [&last](const RankedAnswer& answer) {
    return !IsBetter(last, answer) ||
           (answer.found.item == last.found.item && answer.found.partition == last.found.partition);
  });
}

absl::Status RecallRanking::GroupByEpisode(std::vector<RankedAnswer>& answers) const {
  std::vector<std::pair<EpisodeId, Seq>> groups;
  for (RankedAnswer& answer : answers) {
    MM_ASSIGN_OR_RETURN(const EpisodeId episode, episodes_.EpisodeOf(answer.found.item.seq()));
    // What is not bound yet stands alone.
    groups.emplace_back(episode, episode != 0 ? 0 : answer.found.item.value);
    answer.episode_hits = answer.identical_count;
  }
  KeepFirst(
      answers, [&groups](size_t i) { return groups[i]; },
      [](RankedAnswer& head, const RankedAnswer& other) {
        head.episode_hits += other.identical_count;
      });
  return absl::OkStatus();
}

absl::Status RecallRanking::Diversify(std::vector<RankedAnswer>& answers, size_t count) const {
  if (answers.size() > options_.pool()) answers.resize(options_.pool());
  const size_t dimension = aim_.query.size();
  std::vector<float> vectors(answers.size() * dimension);
  for (size_t i = 0; i < answers.size(); ++i) {
    const std::span<float> vector(vectors.data() + i * dimension, dimension);
    MM_RETURN_IF_ERROR(space_.embeddings->ReadFound(answers[i].found, vector));
  }
  std::vector<float> nearest(answers.size(), 0.0F);  // similarity to the nearest one chosen
  std::vector<size_t> left(answers.size());
  std::iota(left.begin(), left.end(), size_t{0});
  std::vector<RankedAnswer> chosen;
  while (!left.empty() && chosen.size() < count) {
    const auto worth = [&](size_t i) {
      return (1 - options_.diversity) * answers[i].score - options_.diversity * nearest[i];
    };
    // The first of equals is the one with the better score.
    const auto best = std::max_element(left.begin(), left.end(),
                                       [&](size_t a, size_t b) { return worth(a) < worth(b); });
    const size_t taken = *best;
    left.erase(best);
    const std::span<const float> vector(vectors.data() + taken * dimension, dimension);
    for (const size_t i : left) {
      const float similarity = Dot(vector, {vectors.data() + i * dimension, dimension});
      nearest[i] = chosen.empty() ? similarity : std::max(nearest[i], similarity);
    }
    chosen.push_back(answers[taken]);
  }
  answers = std::move(chosen);
  return absl::OkStatus();
}

}  // namespace mixmatch
