// Power iteration, and Dijkstra over -log of weights.
#include "core/graph/activation.h"

#include <algorithm>
#include <cmath>
#include <queue>
#include <utility>

namespace mixmatch {
namespace {

constexpr int kRoundsMax = 100;
constexpr double kSettled = 1e-9;

struct Way {
  double length = 0;  // sum of -log of weights
  ConceptId before = 0;
};

// The shortest ways from any of `seeds` to everything that can be reached.
std::map<ConceptId, Way> Ways(std::span<const Link> links, std::span<const ConceptId> seeds) {
  std::map<ConceptId, std::vector<const Link*>> out;
  for (const Link& link : links) out[link.from].push_back(&link);
  std::map<ConceptId, Way> ways;
  using Next = std::pair<double, ConceptId>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> open;
  for (const ConceptId seed : seeds) {
    ways[seed] = {};
    open.emplace(0, seed);
  }
  while (!open.empty()) {
    const auto [length, at] = open.top();
    open.pop();
    if (length > ways[at].length) continue;
    for (const Link* link : out[at]) {
      // A weight of 1 or more costs next to nothing, but something: fewer steps are better.
      const double farther = length + std::max(1e-6, -std::log(std::min(link->weight, 1.0)));
      const auto known = ways.find(link->to);
      if (known != ways.end() && known->second.length <= farther) continue;
      ways[link->to] = {.length = farther, .before = at};
      open.emplace(farther, link->to);
    }
  }
  return ways;
}

std::vector<ConceptId> PathTo(const std::map<ConceptId, Way>& ways, ConceptId to) {
  std::vector<ConceptId> path;
  for (ConceptId at = to; at != 0;) {
    const auto way = ways.find(at);
    if (way == ways.end()) return {};
    path.push_back(at);
    at = way->second.before;
  }
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace

std::vector<Link> LinksOf(std::span<const Association> associations) {
  std::vector<Link> links;
  for (const Association& association : associations) {
    const double weight = association.recency * (association.probability - association.chance) /
                          std::max(1 - association.chance, 1e-9);
    if (weight > 0) {
      links.push_back({association.from, association.to, association.kind, weight});
    }
  }
  return links;
}

std::vector<Activated> Spread(std::span<const Link> links, const std::map<ConceptId, double>& seeds,
                              double restart) {
  double total = 0;
  for (const auto& [seed, weight] : seeds) total += weight;
  if (total <= 0) return {};
  std::map<ConceptId, double> leaving;
  for (const Link& link : links) leaving[link.from] += link.weight;
  std::map<ConceptId, double> now;
  for (const auto& [seed, weight] : seeds) now[seed] = weight / total;
  for (int round = 0; round < kRoundsMax; ++round) {
    std::map<ConceptId, double> next;
    double flowing = 0;
    for (const Link& link : links) {
      const auto from = now.find(link.from);
      if (from == now.end()) continue;
      const double flow = (1 - restart) * from->second * link.weight / leaving[link.from];
      next[link.to] += flow;
      flowing += flow;
    }
    // What restarts, and what was at a concept without a way on.
    for (const auto& [seed, weight] : seeds) next[seed] += (1 - flowing) * weight / total;
    double change = 0;
    for (const auto& [at, activation] : next) {
      const auto before = now.find(at);
      change += std::abs(activation - (before == now.end() ? 0 : before->second));
    }
    now = std::move(next);
    if (change < kSettled) break;
  }
  std::vector<ConceptId> from;
  for (const auto& [seed, weight] : seeds) from.push_back(seed);
  const std::map<ConceptId, Way> ways = Ways(links, from);
  std::vector<Activated> activated;
  for (const auto& [at, activation] : now) activated.push_back({at, activation, PathTo(ways, at)});
  std::stable_sort(activated.begin(), activated.end(), [](const Activated& a, const Activated& b) {
    return a.activation > b.activation;
  });
  return activated;
}

std::vector<ConceptId> StrongestPath(std::span<const Link> links, ConceptId from, ConceptId to) {
  return PathTo(Ways(links, {&from, 1}), to);
}

}  // namespace mixmatch
