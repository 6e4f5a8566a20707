// How much each part of a query of several percepts counts.
//
// Takes how near each part is to what is known of its own modality, how far the parts are from each
// other, and how far percepts of their modalities were from their partners on probes; gives
// weights. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/generations/generation_store.h"

namespace mixmatch {

struct QueryPart {
  std::string modality;
  double distance = 0;  // 1 - cosine of the nearest percept of its modality; infinite: none known
};

// A weight for each part, the largest 1. `apart`: the mean of 1 - cosine over all pairs of parts.
// `asked`: the modalities that answers are sought in. `measured`: those of the serving generation,
// sorted by (from, to).
//   Parts are weighed as estimates of one value are, by the inverse squares of how far each may be
// off: its distance, and what they must be off by where they say different things, which grows with
// the square of how far they are apart (random effects: DerSimonian and Laird, "Meta-analysis in
// clinical trials", 1986). The latter is shared out by how far percepts of the part's modality were
// from their partners of the modalities asked for, on probes; alike while that is not known of all.
//   So where parts agree the one that is known best leads; where they do not, as while it is not
// learned yet what a word goes with, each counts, and the more the better its modality is known to
// find what is asked for. Where nothing is known of any part they are alike; else one of which
// nothing is known does not count.
std::vector<double> PartWeights(std::span<const QueryPart> parts, double apart,
                                std::span<const std::string> asked,
                                std::span<const PartnerDistance> measured);

}  // namespace mixmatch
