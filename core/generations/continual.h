// What is still known of the past: the accuracy matrix of continual learning, and what it comes to.
//
// Takes the records of generations; gives rows, columns and figures to reports. Pure functions.
//
// The measures are those of Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual
// Learning", 2017 (average accuracy, backward transfer) and of Chaudhry et al., "Riemannian Walk
// for Incremental Learning", 2018 (forgetting), with periods of the stream in place of tasks, and
// scores (mean normalised ranks) in place of accuracies.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "core/generations/generation_store.h"

namespace mixmatch {

// A row of the matrix: one candidate, published or refused.
struct Judgement {
  Generation number = 0;
  GenerationState state = GenerationState::kServing;
  uint64_t steps = 0;
  absl::Time create_time;
  std::vector<PeriodScore> periods;  // the columns that have probes, oldest first
  double average_score = 0;          // mean over these: every period counts the same
};

// Figures are absent where nothing can be said yet.
struct ContinualMeasures {
  // Mean over the periods of the last judgement.
  std::optional<double> average_accuracy;
  // Mean, over the periods of the last judgement that an earlier one has too, of the best earlier
  // score less the last one.
  std::optional<double> forgetting;
  // Mean, over the same periods, of the last score less the first one.
  std::optional<double> backward_transfer;
};

// The judgements among the records, by number; records without periods are none. Their periods are
// merged, weighted by probes, to the length of the longest among them all, so that equal ordinals
// are one column.
std::vector<Judgement> JudgementsOf(std::span<const GenerationRecord> records);

ContinualMeasures Measure(std::span<const Judgement> judgements);

}  // namespace mixmatch
