// Every pair inside the window counts once, whichever of the two came in first.
#include "core/graph/associations.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace mixmatch {
namespace {

constexpr double kFirstBin = 0.02;  // of a time constant: shorter delays share a bin

// Standard deviations by which a count of n trials is above a chance of p.
double Deviations(double count, double trials, double chance) {
  const double expected = trials * chance;
  return (count - expected) / std::sqrt(std::max(expected * (1 - chance), 1e-9));
}

}  // namespace

size_t Associations::BinOf(absl::Duration delay) const {
  const double first = kFirstBin * absl::ToDoubleSeconds(settings_.time_constant);
  const double seconds = absl::ToDoubleSeconds(delay);
  if (seconds <= first) return 0;
  const double last = absl::ToDoubleSeconds(window());
  const double place = std::log(seconds / first) / std::log(last / first);
  return std::min(kBins - 1, 1 + static_cast<size_t>(place * (kBins - 1)));
}

double Associations::BinEdge(size_t bin) const {
  if (bin == 0) return 0;
  const double first = kFirstBin * absl::ToDoubleSeconds(settings_.time_constant);
  const double last = absl::ToDoubleSeconds(window());
  return first * std::pow(last / first, static_cast<double>(bin - 1) / (kBins - 1));
}

void Associations::Follow(Recent& before, ConceptId after, absl::Duration delay) {
  Following& following = following_[{before.concept_id, after}];
  following.last = std::max(following.last, before.time + delay);
  const auto [known, added] = before.followers.try_emplace(after, delay);
  if (added) {
    ++following.count;
    ++following.delays[BinOf(delay)];
  } else if (delay < known->second) {  // came in late, but is the next one
    --following.delays[BinOf(known->second)];
    ++following.delays[BinOf(delay)];
    known->second = delay;
  }
}

void Associations::Insert(Scene& scene, const Occurrence& occurrence) {
  const absl::Duration reach = window();
  const double constant = absl::ToDoubleSeconds(settings_.time_constant);
  const absl::Duration same = settings_.time_constant * settings_.same_share;
  for (const Recent& other : scene.recent) {
    if (other.concept_id == occurrence.concept_id &&
        absl::AbsDuration(other.time - occurrence.time) <= same) {
      return;
    }
  }
  // Time in which something happens: silences longer than the window hold nothing to count.
  if (scene.last == absl::InfinitePast()) {
    scene.last = occurrence.time;
  } else if (occurrence.time > scene.last) {
    const double passed = absl::ToDoubleSeconds(std::min(occurrence.time - scene.last, reach));
    scene.active_s += passed;
    active_s_ += passed;
    scene.last = occurrence.time;
  }
  // What is farther back than twice the window is not followed any more, even by what comes late.
  while (!scene.recent.empty() && scene.last - scene.recent.front().time > 2 * reach) {
    scene.recent.pop_front();
  }
  Recent recent{.concept_id = occurrence.concept_id, .time = occurrence.time};
  for (Recent& other : scene.recent) {
    const absl::Duration delay = occurrence.time - other.time;
    if (absl::AbsDuration(delay) > reach || other.concept_id == recent.concept_id) continue;
    if (delay == absl::ZeroDuration()) continue;  // neither follows the other
    const double pull = std::exp(-std::abs(absl::ToDoubleSeconds(delay)) / constant);
    const bool after = delay > absl::ZeroDuration();
    const Edge forward = after ? Edge{other.concept_id, recent.concept_id}
                               : Edge{recent.concept_id, other.concept_id};
    for (const bool ahead : {true, false}) {
      Following& following = following_[ahead ? forward : Edge{forward.second, forward.first}];
      following.hebbian += ahead ? pull : -pull;
      following.squares += pull * pull;
    }
    if (after) {
      Follow(other, recent.concept_id, delay);
    } else {
      Follow(recent, other.concept_id, -delay);
    }
  }
  const auto at =
      std::upper_bound(scene.recent.begin(), scene.recent.end(), recent.time,
                       [](absl::Time time, const Recent& other) { return time < other.time; });
  scene.recent.insert(at, std::move(recent));
  ++counts_[occurrence.concept_id];
  scene.seen[occurrence.concept_id].Add(occurrence.time);
  ++scene.total;
}

void Associations::Add(const std::string& scene, std::span<const Occurrence> occurrences) {
  std::set<ConceptId> here;
  Scene& known = scenes_[scene];
  std::vector<Occurrence> sorted(occurrences.begin(), occurrences.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Occurrence& a, const Occurrence& b) { return a.time < b.time; });
  for (const Occurrence& occurrence : sorted) {
    if (occurrence.concept_id == 0) continue;
    here.insert(occurrence.concept_id);
    Insert(known, occurrence);
  }
  if (here.empty()) return;
  const absl::Time last = sorted.back().time;
  newest_ = std::max(newest_, last);
  ++episodes_;
  for (auto a = here.begin(); a != here.end(); ++a) {
    ++episode_counts_[*a];
    for (auto b = std::next(a); b != here.end(); ++b) together_[{*a, *b}].Add(last);
  }
}

uint64_t Associations::count(ConceptId concept_id) const {
  const auto known = counts_.find(concept_id);
  return known == counts_.end() ? 0 : known->second;
}

absl::Duration Associations::Delay(const Following& following, double chance_per_s) const {
  // Of what is more than chance, the median.
  std::array<double, kBins> more{};
  double sum = 0;
  for (size_t bin = 0; bin < kBins; ++bin) {
    const double end = bin + 1 < kBins ? BinEdge(bin + 1) : absl::ToDoubleSeconds(window());
    more[bin] = std::max(0.0, following.delays[bin] - chance_per_s * (end - BinEdge(bin)));
    sum += more[bin];
  }
  double left = sum / 2;
  for (size_t bin = 0; bin < kBins; ++bin) {
    if (left > more[bin]) {
      left -= more[bin];
      continue;
    }
    const double end = bin + 1 < kBins ? BinEdge(bin + 1) : absl::ToDoubleSeconds(window());
    const double share = more[bin] > 0 ? left / more[bin] : 0.5;
    return absl::Seconds(BinEdge(bin) + share * (end - BinEdge(bin)));
  }
  return absl::ZeroDuration();
}

double Associations::Recency(absl::Time last) const {
  if (settings_.half_life == absl::InfiniteDuration() || last >= newest_) return 1;
  return std::exp2(-absl::FDivDuration(newest_ - last, settings_.half_life));
}

std::vector<Association> Associations::Successions() const {
  std::vector<Association> found;
  if (active_s_ <= 0) return found;
  const double constant = absl::ToDoubleSeconds(settings_.time_constant);
  const double reach = absl::ToDoubleSeconds(window());
  for (const auto& [edge, following] : following_) {
    const auto from = static_cast<double>(count(edge.first));
    const auto to = static_cast<double>(count(edge.second));
    // What the sum would vary by: were each pair's order drawn by lot, and were there as many pairs
    // as chance gives.
    const double variance = std::max(following.squares, from * to * constant / active_s_);
    const double strength = following.hebbian / std::sqrt(std::max(variance, 1e-9));
    if (strength < settings_.strength_min || following.count < settings_.count_min) continue;
    const double rate = to / active_s_;
    found.push_back({.from = edge.first,
                     .to = edge.second,
                     .kind = AssociationKind::kSuccession,
                     .strength = strength,
                     .count = following.count,
                     .probability = static_cast<double>(following.count) / from,
                     .chance = 1 - std::exp(-rate * reach),
                     .delay = Delay(following, from * rate),
                     .last = following.last,
                     .recency = Recency(following.last)});
  }
  std::map<Edge, const Association*> by_edge;
  for (const Association& association : found) {
    by_edge[{association.from, association.to}] = &association;
  }
  // A → C that A → B and B → C explain: both are stronger, and their delays add up to its own.
  for (Association& whole : found) {
    for (const Association& first : found) {
      if (first.from != whole.from || first.strength <= whole.strength) continue;
      const auto second = by_edge.find({first.to, whole.to});
      if (second == by_edge.end() || second->second->strength <= whole.strength) continue;
      const absl::Duration sum = first.delay + second->second->delay;
      if (absl::AbsDuration(sum - whole.delay) <= 0.35 * whole.delay) whole.indirect = true;
    }
  }
  return found;
}

std::vector<Association> Associations::CoOccurrences() const {
  std::vector<Association> found;
  const auto trials = static_cast<double>(episodes_);
  for (const auto& [edge, seen] : together_) {
    const uint64_t count = seen.count;
    const auto a = static_cast<double>(episode_counts_.at(edge.first));
    const auto b = static_cast<double>(episode_counts_.at(edge.second));
    const double strength =
        Deviations(static_cast<double>(count), trials, a * b / (trials * trials));
    if (strength < settings_.strength_min || count < settings_.count_min) continue;
    Association forward{.from = edge.first,
                        .to = edge.second,
                        .kind = AssociationKind::kCoOccurrence,
                        .strength = strength,
                        .count = count,
                        .probability = static_cast<double>(count) / a,
                        .chance = b / trials,
                        .last = seen.last,
                        .recency = Recency(seen.last)};
    Association back = forward;
    std::swap(back.from, back.to);
    back.probability = static_cast<double>(count) / b;
    back.chance = a / trials;
    found.push_back(forward);
    found.push_back(back);
  }
  return found;
}

std::vector<Association> Associations::Places() const {
  std::vector<Association> found;
  double total = 0;
  for (const auto& [name, scene] : scenes_) total += static_cast<double>(scene.total);
  struct Shared {
    double together = 0;
    absl::Time last = absl::InfinitePast();
  };
  std::map<Edge, Shared> shared;
  for (const auto& [name, scene] : scenes_) {
    for (const auto& [a, of_a] : scene.seen) {
      for (const auto& [b, of_b] : scene.seen) {
        if (a == b) continue;
        Shared& pair = shared[{a, b}];
        pair.together += static_cast<double>(of_a.count) * static_cast<double>(of_b.count) /
                         static_cast<double>(scene.total);
        pair.last = std::max(pair.last, std::min(of_a.last, of_b.last));
      }
    }
  }
  for (const auto& [edge, pair] : shared) {
    const double together = pair.together;
    // Of the occurrences of `from`, how many would be `to` if it were drawn from the same scene.
    const auto from = static_cast<double>(count(edge.first));
    const double chance = static_cast<double>(count(edge.second)) / total;
    const double strength = Deviations(together, from, chance);
    if (strength < settings_.strength_min || together < static_cast<double>(settings_.count_min)) {
      continue;
    }
    found.push_back({.from = edge.first,
                     .to = edge.second,
                     .kind = AssociationKind::kPlace,
                     .strength = strength,
                     .count = static_cast<uint64_t>(together),
                     .probability = together / from,
                     .chance = chance,
                     .last = pair.last,
                     .recency = Recency(pair.last)});
  }
  return found;
}

std::vector<Association> Associations::List(AssociationKind kind, ConceptId from,
                                            bool indirect) const {
  std::vector<Association> found = kind == AssociationKind::kSuccession     ? Successions()
                                   : kind == AssociationKind::kCoOccurrence ? CoOccurrences()
                                                                            : Places();
  std::erase_if(found, [&](const Association& association) {
    return (from != 0 && association.from != from) || (association.indirect && !indirect);
  });
  std::stable_sort(found.begin(), found.end(), [](const Association& a, const Association& b) {
    return a.strength * a.recency > b.strength * b.recency;
  });
  return found;
}

}  // namespace mixmatch
