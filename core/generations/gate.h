// The gate: a candidate serves only when it is not worse than what serves, on episodes that neither
// was trained on.
//
// Takes probes from a TrainingSource and two encoders; gives a verdict with its reasons.
// Deliberately decides on paired differences of ranks alone: both encoders answer the same
// questions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/encoder/encoder.h"
#include "core/generations/generation_store.h"
#include "core/generations/probe_ranks.h"
#include "core/learning/held_out.h"
#include "core/learning/training_source.h"

namespace mixmatch {

struct GateConfig {
  // At most this many probes are judged. Bounds memory and time, since every one is loaded with its
  // features and embedded twice.
  size_t probes_max = 1024;
  size_t others = 100;       // that a partner is ranked among
  double tolerance = 0.005;  // a cell may be lower by this, or by its standard errors if more
};

struct Verdict {
  bool publish = false;
  double gain = 0;  // candidate's mean over pairs less the serving one's
  std::string reason;
  std::vector<GateScore> scores;     // the mean over pairs, then one for each cell
  std::vector<PeriodScore> periods;  // the candidate's mean for each period of the stream
  std::vector<PartnerDistance> partner_distances;  // the candidate's, by (from, to)
};

// Judges `candidate` against `serving`, whose weights had taken the closed episodes below
// `serving_taken`, on probes of `held_out`.
//   The mean is over pairs of modalities with at least 8 questions (or over all where there is no
//   such pair): fewer would say little and count as much. Cells are pairs of modalities, apart for
//   old probes (below serving_taken) and recent ones. Publish when neither the mean over pairs nor
//   any cell with at least 8 probes is lower by more than what the rule allows: for the mean 2
//   standard errors of the paired difference, at least 0.0005; for a cell the larger of
//   config.tolerance and z standard errors, z being at least 2 and so large that an equal candidate
//   fails in some cell once in 20 times (Bonferroni). While there are no questions there is nothing
//   to be worse on: it passes, and the reason says so.
absl::StatusOr<Verdict> Judge(const GateConfig& config, const TrainingSource& source,
                              std::span<const Probe> held_out, const Encoder& candidate,
                              const Encoder& serving, uint64_t serving_taken);

// Lets skills count, too: adds their scores, with a tolerance as for cells, to a verdict; one that
// is lower by more than that refuses the candidate.
void CountSkills(const GateConfig& config, std::span<const GateScore> skills, Verdict& verdict);

// Refusals since the last candidate that was published; `records` are newest first.
uint64_t RefusalsInARow(std::span<const GenerationRecord> records);

// The decision alone: ranks of both for each question of the plan. Pure.
Verdict Decide(const GateConfig& config, const ProbePlan& plan, std::span<const Probe> probes,
               std::span<const float> candidate, std::span<const float> serving,
               uint64_t serving_taken);

}  // namespace mixmatch
