// Planner, step by step in the order of PlanBatch's comment.
#include "core/learning/batch.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/learning/augment.h"
#include "core/learning/random.h"

namespace mixmatch {
namespace {

constexpr int kNone = -1;
// Of the modalities in two, in one step; each mixes an equal share of the batch's episodes.
constexpr size_t kDivisions = 3;

// What was sampled of one episode, by modality (a place in Planner::modalities_).
struct Sample {
  std::map<int, int> percept;  // place in the episode
};

class Planner {
 public:
  Planner(std::span<const TrainingEpisode> episodes, const BatchOptions& options, uint64_t seed)
      : episodes_(episodes), options_(options), random_(seed) {}

  BatchPlan Plan() {
    ListModalities();
    for (const TrainingEpisode& episode : episodes_) samples_.push_back(SampleOf(episode));
    MarkNeutral();
    for (size_t e = 0; e < samples_.size(); ++e) AddSingles(e);
    AddPairTerms();
    AddMixtureTerms();
    AddViewTerms();
    return std::move(plan_);
  }

 private:
  using Item = ContrastTerm::Item;

  const TrainingPercept& PerceptOf(size_t episode, int place) const {
    return episodes_[episode].percepts[static_cast<size_t>(place)];
  }

  // In the order of names, so that the plan does not depend on who came first.
  void ListModalities() {
    for (const TrainingEpisode& episode : episodes_) {
      for (const TrainingPercept& percept : episode.percepts) {
        if (ModalityOf(percept.modality) == kNone) modalities_.push_back(percept.modality);
      }
    }
    std::sort(
        modalities_.begin(), modalities_.end(), [](const ModalitySpec& a, const ModalitySpec& b) {
          return std::tie(a.name, a.kind, a.dimension) < std::tie(b.name, b.kind, b.dimension);
        });
  }

  int ModalityOf(const ModalitySpec& modality) const {
    const auto it = std::find(modalities_.begin(), modalities_.end(), modality);
    return it == modalities_.end() ? kNone : static_cast<int>(it - modalities_.begin());
  }

  Sample SampleOf(const TrainingEpisode& episode) {
    Sample sample;
    const int count = static_cast<int>(episode.percepts.size());
    if (count == 0) return sample;
    const int shown = std::min(count, std::max(options_.percepts_max, 1));
    const int first = static_cast<int>(random_.Below(static_cast<uint64_t>(count - shown) + 1));
    const int anchor = first + static_cast<int>(random_.Below(static_cast<uint64_t>(shown)));
    for (int place = first; place < first + shown; ++place) {
      const auto [it, fresh] = sample.percept.try_emplace(
          ModalityOf(episode.percepts[static_cast<size_t>(place)].modality), place);
      if (!fresh && Distance(episode, anchor, place) < Distance(episode, anchor, it->second)) {
        it->second = place;
      }
    }
    // A percept at the anchor's own time must not take its place.
    sample.percept[ModalityOf(episode.percepts[static_cast<size_t>(anchor)].modality)] = anchor;
    return sample;
  }

  static absl::Duration Distance(const TrainingEpisode& episode, int a, int b) {
    return absl::AbsDuration(episode.percepts[static_cast<size_t>(a)].time -
                             episode.percepts[static_cast<size_t>(b)].time);
  }

  void MarkNeutral() {
    const size_t count = episodes_.size();
    plan_.neutral.episodes = static_cast<int>(count);
    plan_.neutral.neutral.assign(count * count, 0);
    std::map<std::pair<int, ContentHash>, std::vector<size_t>> holders;
    for (size_t e = 0; e < count; ++e) {
      for (const auto& [modality, place] : samples_[e].percept) {
        holders[{modality, PerceptOf(e, place).features.content}].push_back(e);
      }
    }
    for (const auto& [percept, episodes] : holders) {
      if (percept.second == ContentHash{}) continue;  // not known
      for (const size_t a : episodes) {
        for (const size_t b : episodes) plan_.neutral.neutral[a * count + b] = 1;
      }
    }
  }

  int AddPercept(const TrainingPercept& percept, bool view) {
    const Features* features = &percept.features;
    if (options_.augment) {
      plan_.changed.push_back(view ? AugmentForView(*features, random_)
                                   : Augment(*features, random_));
      features = &plan_.changed.back();
    }
    plan_.percepts.push_back({&percept.modality, features});
    return static_cast<int>(plan_.percepts.size()) - 1;
  }

  int AddSequence(std::vector<int> percepts) {
    plan_.sequences.push_back(std::move(percepts));
    return static_cast<int>(plan_.sequences.size()) - 1;
  }

  // The first percepts and sequences of the plan are the single ones, place by place the same.
  void AddSingles(size_t e) {
    singles_.emplace_back();
    for (const auto& [modality, place] : samples_[e].percept) {
      const TrainingPercept& percept = PerceptOf(e, place);
      const std::pair<int, ContentHash> key{modality, percept.features.content};
      const bool known = percept.features.content != ContentHash{};
      const auto it = known ? places_.find(key) : places_.end();
      if (it != places_.end()) {
        singles_[e][modality] = it->second;
        continue;
      }
      const int at = AddPercept(percept, false);
      AddSequence({at});
      singles_[e][modality] = at;
      if (known) places_[key] = at;
    }
  }

  // A direction weighs as much as its rows' share of the batch: the few rows of a rare modality are
  // heard, and do not shout.
  void AddTerm(ContrastTerm term, float weight) {
    if (term.rows.empty() || term.columns.size() < 2) return;
    term.weight =
        weight * static_cast<float>(term.rows.size()) / static_cast<float>(episodes_.size());
    plan_.terms.push_back(std::move(term));
  }

  // from[e] and to[e]: sequences of episode e, or kNone.
  void AddDirection(const std::vector<int>& from, const std::vector<int>& to, float weight,
                    std::string label) {
    ContrastTerm term;
    term.label = std::move(label);
    for (size_t e = 0; e < from.size(); ++e) {
      if (to[e] == kNone) continue;
      if (from[e] != kNone) {
        term.rows.push_back(Item{from[e], static_cast<int>(e)});
        term.partner.push_back(static_cast<int>(term.columns.size()));
      }
      term.columns.push_back(Item{to[e], static_cast<int>(e)});
    }
    AddTerm(std::move(term), weight);
  }

  std::vector<int> SinglesOf(int modality) const {
    std::vector<int> sequences;
    for (const auto& singles : singles_) {
      const auto it = singles.find(modality);
      sequences.push_back(it == singles.end() ? kNone : it->second);
    }
    return sequences;
  }

  const std::string& NameOf(int modality) const {
    return modalities_[static_cast<size_t>(modality)].name;
  }

  void AddPairTerms() {
    const int count = static_cast<int>(modalities_.size());
    for (int a = 0; a < count; ++a) {
      for (int b = 0; b < count; ++b) {
        if (a == b) continue;
        AddDirection(SinglesOf(a), SinglesOf(b), 1, absl::StrCat(NameOf(a), " -> ", NameOf(b)));
      }
    }
  }

  // Of the modalities with side[m] == which, what an episode has: percepts by modality.
  std::vector<int> SideOf(size_t e, const std::vector<int>& side, int which) const {
    std::vector<int> percepts;
    for (const auto& [modality, percept] : singles_[e]) {
      if (side[static_cast<size_t>(modality)] == which) percepts.push_back(percept);
    }
    return percepts;
  }

  // Divisions of the modalities in two parts, 0 and 1: of three modalities all, of more some.
  std::vector<std::vector<int>> Divisions() {
    const size_t count = modalities_.size();
    std::vector<std::vector<int>> divisions;
    while (divisions.size() < kDivisions) {
      std::vector<int> side(count);
      if (count == 3) {
        side[divisions.size()] = 1;
      } else {
        for (int& s : side) s = static_cast<int>(random_.Below(2));
      }
      const auto ones = static_cast<size_t>(std::accumulate(side.begin(), side.end(), 0));
      if (ones > 0 && ones < count) divisions.push_back(std::move(side));
    }
    return divisions;
  }

  void Shuffle(std::vector<size_t>& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random_.Below(i)]);
  }

  // What part `which` of the division sees of each episode: those in `chosen` all that they have
  // of it, the others one percept, so that there are many to tell from at no cost.
  std::vector<int> SightsOf(const std::vector<int>& side, int which,
                            const std::vector<size_t>& chosen) {
    std::vector<int> sights(singles_.size(), kNone);
    std::vector<bool> whole(singles_.size());
    for (const size_t e : chosen) whole[e] = true;
    for (size_t e = 0; e < singles_.size(); ++e) {
      std::vector<int> percepts = SideOf(e, side, which);
      if (percepts.empty()) continue;
      sights[e] = whole[e] && percepts.size() > 1 ? AddSequence(std::move(percepts))
                                                  : percepts[random_.Below(percepts.size())];
    }
    return sights;
  }

  void AddMixtureTerms() {
    if (modalities_.size() < 3) return;
    for (const std::vector<int>& side : Divisions()) {
      std::vector<size_t> chosen;  // what there is to mix
      for (size_t e = 0; e < singles_.size(); ++e) {
        const size_t ones = SideOf(e, side, 1).size();
        if (singles_[e].size() >= 3 && ones > 0 && ones < singles_[e].size()) chosen.push_back(e);
      }
      Shuffle(chosen);
      chosen.resize(std::min(chosen.size(), (episodes_.size() + kDivisions - 1) / kDivisions));
      if (chosen.empty()) continue;
      const std::vector<int> zeros = SightsOf(side, 0, chosen);
      const std::vector<int> ones = SightsOf(side, 1, chosen);
      AddDirection(Only(zeros, chosen), ones, 1, "mixture");
      AddDirection(Only(ones, chosen), zeros, 1, "mixture");
    }
  }

  static std::vector<int> Only(const std::vector<int>& sights, const std::vector<size_t>& chosen) {
    std::vector<int> only(sights.size(), kNone);
    for (const size_t e : chosen) only[e] = sights[e];
    return only;
  }

  // A percept of the same modality in the episode, nearest in time to the sampled one.
  std::optional<int> NeighbourOf(size_t e, int modality, int sampled) const {
    std::optional<int> nearest;
    const TrainingEpisode& episode = episodes_[e];
    for (int place = 0; place < static_cast<int>(episode.percepts.size()); ++place) {
      if (place == sampled || ModalityOf(PerceptOf(e, place).modality) != modality) continue;
      if (PerceptOf(e, place).features.content == PerceptOf(e, sampled).features.content) continue;
      if (!nearest || Distance(episode, sampled, place) < Distance(episode, sampled, *nearest)) {
        nearest = place;
      }
    }
    return nearest;
  }

  void AddViewTerms() {
    for (int m = 0; m < static_cast<int>(modalities_.size()); ++m) {
      std::vector<int> first(episodes_.size(), kNone);
      std::vector<int> second(episodes_.size(), kNone);
      bool alone = false;
      for (size_t e = 0; e < samples_.size(); ++e) {
        const auto it = samples_[e].percept.find(m);
        if (it == samples_[e].percept.end()) continue;
        const bool only = samples_[e].percept.size() == 1;
        if (!only && options_.view_weight <= 0) continue;
        alone = alone || only;
        const std::optional<int> neighbour = NeighbourOf(e, m, it->second);
        const bool look_beside = neighbour && random_.Below(2) == 0;
        const int place = look_beside ? *neighbour : it->second;
        first[e] = singles_[e].at(m);
        second[e] = AddSequence({AddPercept(PerceptOf(e, place), true)});
      }
      const float weight = alone ? 1 : options_.view_weight;
      const std::string label = absl::StrCat(NameOf(m), " views");
      AddDirection(first, second, weight, label);
      AddDirection(second, first, weight, label);
    }
  }

  const std::span<const TrainingEpisode> episodes_;
  const BatchOptions options_;
  Random random_;
  std::vector<ModalitySpec> modalities_;
  std::vector<Sample> samples_;
  std::vector<std::map<int, int>> singles_;  // per episode: modality -> sequence (and percept)
  std::map<std::pair<int, ContentHash>, int> places_;
  BatchPlan plan_;
};

}  // namespace

BatchPlan PlanBatch(std::span<const TrainingEpisode> episodes, const BatchOptions& options,
                    uint64_t seed) {
  return Planner(episodes, options, seed).Plan();
}

}  // namespace mixmatch
