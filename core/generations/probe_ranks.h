// What a generation is judged by: how near the true partner of a held-out percept is among others.
//
// Takes probes; makes a plan of questions that is the same for every encoder; gives one rank and
// one distance per question and encoder. Knows no verdicts.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/encoder/encoder.h"
#include "core/generations/generation_store.h"
#include "core/learning/held_out.h"
#include "core/learning/training_source.h"

namespace mixmatch {

// One question: an item asks for its partner among others of the partner's modality.
struct ProbeQuestion {
  size_t probe = 0;
  size_t pair = 0;  // place in ProbePlan::pairs
  size_t item = 0;
  size_t partner = 0;
  std::vector<size_t> others;
};

// Lifetime: borrows from the episodes that it was made of.
struct ProbePlan {
  std::vector<std::string> pairs;  // "audio -> image"; "image -> image" between two of one modality
  std::vector<MixturePercept> items;
  std::deque<Features> views;  // augmented copies, which items point to
  std::vector<ProbeQuestion> questions;
};

// What an encoder made of the plan's questions, in their order.
struct PartnerRanks {
  std::vector<float> ranks;      // share of the others that are farther than the partner, 0 to 1
  std::vector<float> distances;  // 1 - cosine of the item and its partner
};

// Chooses at most `count` probes to judge, in the order of closing: in turn from each period of the
// stream and each set of modalities, so that rare ones are heard. A function of its arguments.
std::vector<Probe> ChooseProbes(std::span<const Probe> held_out, size_t count);

// Plans the questions over loaded probes (in the order of `probes`): from the first percept of each
// modality to that of each other one; in an episode of one modality from its first percept to its
// second, or to an augmented view of itself. Each among `others` percepts of other probes with
// another content, or among all where there are fewer; none where there are fewer than 4. A
// function of its arguments.
ProbePlan PlanProbes(std::span<const TrainingEpisode> probes, size_t others);

// For each question the share of the others that are farther from the item than the partner is;
// equally far counts half: 1 is best, 0.5 is chance. Does not depend on the memory's size.
absl::StatusOr<PartnerRanks> RankPartners(const ProbePlan& plan, const Encoder& encoder);

// The mean distance of partners for each pair of different modalities, by (from, to). `distances`:
// one for each question of the plan.
std::vector<PartnerDistance> MeanDistances(const ProbePlan& plan, std::span<const float> distances);

}  // namespace mixmatch
