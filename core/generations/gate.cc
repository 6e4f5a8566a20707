// Same questions, two encoders, one comparison for each cell.
#include "core/generations/gate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"

namespace mixmatch {
namespace {

constexpr double kFalseAlarms = 0.05;  // of an equal candidate, over all cells together
constexpr double kErrorsMin = 2;
constexpr double kMeanMin = 0.0005;  // less than any difference that matters
constexpr size_t kCellMin = 8;
constexpr uint64_t kPeriodMin = 64;  // episodes
constexpr uint64_t kPeriodsMax = 16;

// The z that a standard normal number exceeds with probability `p`.
double NormalQuantile(double p) {
  double low = 0;
  double high = 10;
  for (int i = 0; i < 60; ++i) {
    const double z = (low + high) / 2;
    (0.5 * std::erfc(z / std::sqrt(2.0)) > p ? low : high) = z;
  }
  return low;
}

struct Cell {
  double candidate = 0;  // sums
  double serving = 0;
  std::vector<double> differences;

  void Add(float candidate_rank, float serving_rank) {
    candidate += candidate_rank;
    serving += serving_rank;
    differences.push_back(static_cast<double>(candidate_rank) - serving_rank);
  }
  double count() const { return static_cast<double>(differences.size()); }
  double difference() const { return (candidate - serving) / count(); }
  double standard_error() const {
    if (differences.size() < 2) return 0;
    double squares = 0;
    for (const double d : differences) squares += (d - difference()) * (d - difference());
    return std::sqrt(squares / (count() - 1) / count());
  }
};

// The mean over pairs, each pair counting the same whatever its number of questions; its error from
// what each probe adds to it, since one probe answers for several pairs.
GateScore MeanOverPairs(const ProbePlan& plan, const std::vector<Cell>& pairs,
                        std::span<const float> candidate, std::span<const float> serving) {
  // A pair with too few questions says too little to count as much as the others, unless there is
  // none with more.
  const bool enough = std::any_of(pairs.begin(), pairs.end(), [](const Cell& cell) {
    return cell.differences.size() >= kCellMin;
  });
  const auto is_heard = [enough](const Cell& cell) {
    return cell.differences.size() >= (enough ? kCellMin : 1);
  };
  const auto heard = static_cast<double>(std::count_if(pairs.begin(), pairs.end(), is_heard));
  GateScore mean{.measure = "mean over pairs"};
  for (const Cell& cell : pairs) {
    if (!is_heard(cell)) continue;
    mean.candidate += cell.candidate / cell.count() / heard;
    mean.serving += cell.serving / cell.count() / heard;
  }
  std::map<size_t, double> shares;  // by probe
  for (size_t q = 0; q < plan.questions.size(); ++q) {
    const ProbeQuestion& question = plan.questions[q];
    const Cell& cell = pairs[question.pair];
    if (!is_heard(cell)) continue;
    shares[question.probe] +=
        (static_cast<double>(candidate[q]) - serving[q] - cell.difference()) / cell.count() / heard;
  }
  double squares = 0;
  for (const auto& [probe, share] : shares) squares += share * share;
  mean.probe_count = shares.size();
  const auto count = static_cast<double>(shares.size());
  mean.standard_error = count > 1 ? std::sqrt(squares * count / (count - 1)) : 0;
  mean.tolerance = std::max(kMeanMin, kErrorsMin * mean.standard_error);
  return mean;
}

std::vector<PeriodScore> ScorePeriods(const ProbePlan& plan, std::span<const Probe> probes,
                                      std::span<const float> candidate) {
  uint64_t length = kPeriodMin;
  while (probes.back().ordinal >= length * kPeriodsMax) length *= 2;
  struct Sum {
    double ranks = 0;
    double questions = 0;
  };
  std::map<uint64_t, std::map<size_t, Sum>> periods;  // period -> probe
  for (size_t q = 0; q < plan.questions.size(); ++q) {
    const size_t probe = plan.questions[q].probe;
    Sum& sum = periods[probes[probe].ordinal / length][probe];
    sum.ranks += candidate[q];
    ++sum.questions;
  }
  std::vector<PeriodScore> scores;
  for (const auto& [period, sums] : periods) {
    PeriodScore& score = scores.emplace_back();
    score.first_ordinal = period * length;
    score.last_ordinal = (period + 1) * length;
    score.probe_count = sums.size();
    for (const auto& [probe, sum] : sums) {
      score.score += sum.ranks / sum.questions / static_cast<double>(sums.size());
    }
  }
  return scores;
}

}  // namespace

Verdict Decide(const GateConfig& config, const ProbePlan& plan, std::span<const Probe> probes,
               std::span<const float> candidate, std::span<const float> serving,
               uint64_t serving_taken) {
  if (plan.questions.empty()) {
    Verdict verdict{.publish = true};
    verdict.reason =
        absl::StrCat("published: none of ", probes.size(), " probes has a pair to judge yet");
    return verdict;
  }
  std::vector<Cell> pairs(plan.pairs.size());
  std::map<std::pair<size_t, bool>, Cell> cells;  // pair, recent
  for (size_t q = 0; q < plan.questions.size(); ++q) {
    const ProbeQuestion& question = plan.questions[q];
    pairs[question.pair].Add(candidate[q], serving[q]);
    const bool recent = probes[question.probe].ordinal >= serving_taken;
    cells[{question.pair, recent}].Add(candidate[q], serving[q]);
  }
  std::erase_if(cells,
                [](const auto& entry) { return entry.second.differences.size() < kCellMin; });
  const double errors =
      cells.empty()
          ? kErrorsMin
          : std::max(kErrorsMin, NormalQuantile(kFalseAlarms / static_cast<double>(cells.size())));

  Verdict verdict;
  verdict.scores.push_back(MeanOverPairs(plan, pairs, candidate, serving));
  for (const auto& [key, cell] : cells) {
    verdict.scores.push_back(
        {.measure = absl::StrCat(plan.pairs[key.first], key.second ? ", recent" : ", old"),
         .candidate = cell.candidate / cell.count(),
         .serving = cell.serving / cell.count(),
         .probe_count = cell.differences.size(),
         .standard_error = cell.standard_error(),
         .tolerance = std::max(config.tolerance, errors * cell.standard_error())});
  }
  verdict.periods = ScorePeriods(plan, probes, candidate);
  const GateScore& mean = verdict.scores.front();
  verdict.gain = mean.candidate - mean.serving;

  const GateScore* worst = nullptr;  // the one farthest below what it is allowed
  for (const GateScore& score : verdict.scores) {
    const double excess = score.serving - score.candidate - score.tolerance;
    if (excess <= 0) continue;
    if (worst == nullptr || excess > worst->serving - worst->candidate - worst->tolerance) {
      worst = &score;
    }
  }
  verdict.publish = worst == nullptr;
  verdict.reason = absl::StrFormat(
      "%s: mean rank of the true partner %.4f over %d probes, %.4f for the serving generation",
      verdict.publish ? "published" : "refused", mean.candidate, mean.probe_count, mean.serving);
  if (worst != nullptr) {
    absl::StrAppendFormat(&verdict.reason, "; %s %.4f against %.4f, lower by more than %.4f",
                          worst->measure, worst->candidate, worst->serving, worst->tolerance);
  }
  return verdict;
}

void CountSkills(const GateConfig& config, std::span<const GateScore> skills, Verdict& verdict) {
  if (skills.empty()) return;
  const double errors =
      std::max(kErrorsMin, NormalQuantile(kFalseAlarms / static_cast<double>(skills.size())));
  for (const GateScore& skill : skills) {
    GateScore& score = verdict.scores.emplace_back(skill);
    score.tolerance = std::max(config.tolerance, errors * score.standard_error);
    if (score.serving - score.candidate <= score.tolerance) continue;
    if (verdict.publish) {
      verdict.publish = false;
      verdict.reason = absl::StrCat("refused: ", absl::StripPrefix(verdict.reason, "published: "));
    }
    absl::StrAppendFormat(&verdict.reason, "; %s %.4f against %.4f, lower by more than %.4f",
                          score.measure, score.candidate, score.serving, score.tolerance);
  }
}

uint64_t RefusalsInARow(std::span<const GenerationRecord> records) {
  uint64_t count = 0;
  for (const GenerationRecord& record : records) {
    if (record.state != GenerationState::kRefused) break;
    ++count;
  }
  return count;
}

absl::StatusOr<Verdict> Judge(const GateConfig& config, const TrainingSource& source,
                              std::span<const Probe> held_out, const Encoder& candidate,
                              const Encoder& serving, uint64_t serving_taken) {
  const std::vector<Probe> probes = ChooseProbes(held_out, config.probes_max);
  std::vector<EpisodeId> ids;
  for (const Probe& probe : probes) ids.push_back(probe.id);
  std::vector<TrainingEpisode> episodes;
  MM_RETURN_IF_ERROR(source.Load(ids, episodes));
  const ProbePlan plan = PlanProbes(episodes, config.others);
  MM_ASSIGN_OR_RETURN(const PartnerRanks candidates, RankPartners(plan, candidate));
  MM_ASSIGN_OR_RETURN(const PartnerRanks servings, RankPartners(plan, serving));
  Verdict verdict = Decide(config, plan, probes, candidates.ranks, servings.ranks, serving_taken);
  verdict.partner_distances = MeanDistances(plan, candidates.distances);
  return verdict;
}

}  // namespace mixmatch
