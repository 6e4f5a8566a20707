// Spreading activation: what comes to mind when some concepts are active, and by which way.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <vector>

#include "core/graph/associations.h"

namespace mixmatch {

// A weighted link; weights of one concept's links need not add up to anything.
struct Link {
  ConceptId from = 0;
  ConceptId to = 0;
  AssociationKind kind = AssociationKind::kSuccession;
  double weight = 0;  // above 0: how much more probable than by chance
};

// Links of associations: by how much each is more probable than chance would have it, times its
// recency.
std::vector<Link> LinksOf(std::span<const Association> associations);

struct Activated {
  ConceptId concept_id = 0;
  double activation = 0;        // all of them add up to 1
  std::vector<ConceptId> path;  // from a seed to it, both included: the strongest way
};

// Personalised PageRank (L. Page, S. Brin, R. Motwani, T. Winograd, "The PageRank citation
// ranking", 1999): activation flows along links in proportion to their weights, and with `restart`
// of it begins again at the seeds, in proportion to theirs. Most active first.
std::vector<Activated> Spread(std::span<const Link> links, const std::map<ConceptId, double>& seeds,
                              double restart = 0.25);

// The way from one concept to another whose product of weights is largest, both included; empty
// when there is none.
std::vector<ConceptId> StrongestPath(std::span<const Link> links, ConceptId from, ConceptId to);

}  // namespace mixmatch
