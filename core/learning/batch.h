// What one step looks at: which percepts of which episodes, which of them are embedded together,
// and what is contrasted with what. Mix and match of DESIGN, as a plan.
//
// Takes episodes; gives a plan to the trainer, which embeds the sequences and applies the terms.
// Knows no torch.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "core/encoder/encoder.h"
#include "core/learning/contrast.h"
#include "core/learning/training_source.h"

namespace mixmatch {

struct BatchOptions {
  bool augment = true;
  int percepts_max = 16;  // of one episode that are looked at
  float view_weight = 0;  // of the contrast between views, for modalities that others go with
};

// Lifetime: borrows from the episodes that it was made of.
struct BatchPlan {
  std::deque<Features> changed;             // augmented copies, which percepts point to
  std::vector<MixturePercept> percepts;     // identical ones once
  std::vector<std::vector<int>> sequences;  // of places in percepts: what is embedded in one pass
  std::vector<ContrastTerm> terms;
  Neutrality neutral;
};

// Plans a step. A function of its arguments alone.
//   Of each episode: a random percept, and of every other modality the one nearest to it in time.
//   Terms, each in both directions:
//   1. every pair of modalities; columns are all episodes that have the other modality;
//   2. three divisions of the modalities in two (of three modalities every one, of more some at
//      random): what an episode has of the one part, embedded in one pass, against what it has of
//      the other; a third of the episodes for each, told from all of them;
//   3. two views of one modality, where an episode has no other (or view_weight > 0): the percept
//      against a neighbour of its modality in the episode, or against itself augmented anew.
//   A term weighs as much as the share of the batch that its rows are.
//   Episodes that share an identical percept are neutral to each other in all of them.
BatchPlan PlanBatch(std::span<const TrainingEpisode> episodes, const BatchOptions& options,
                    uint64_t seed);

}  // namespace mixmatch
