// Columns first, then three means.
#include "core/generations/continual.h"

#include <algorithm>
#include <map>

namespace mixmatch {
namespace {

constexpr uint64_t kShortestPeriod = 64;
constexpr uint64_t kLongestPeriod = uint64_t{1} << 62;

bool Counts(const PeriodScore& period) {
  return period.probe_count > 0 && period.last_ordinal > period.first_ordinal;
}

uint64_t LongestPeriod(std::span<const GenerationRecord> records) {
  uint64_t longest = kShortestPeriod;
  for (const GenerationRecord& record : records) {
    for (const PeriodScore& period : record.periods) {
      if (!Counts(period)) continue;
      while (longest < period.last_ordinal - period.first_ordinal && longest < kLongestPeriod) {
        longest *= 2;
      }
    }
  }
  return longest;
}

std::vector<PeriodScore> Merge(const std::vector<PeriodScore>& periods, uint64_t length) {
  std::map<uint64_t, PeriodScore> columns;
  for (const PeriodScore& period : periods) {
    if (!Counts(period)) continue;
    const uint64_t place = period.first_ordinal / length;
    PeriodScore& column = columns[place];
    column.first_ordinal = place * length;
    column.last_ordinal = column.first_ordinal + length;
    column.probe_count += period.probe_count;
    column.score += (period.score - column.score) * static_cast<double>(period.probe_count) /
                    static_cast<double>(column.probe_count);
  }
  std::vector<PeriodScore> merged;
  for (const auto& [place, column] : columns) merged.push_back(column);
  return merged;
}

double AverageOf(const std::vector<PeriodScore>& periods) {
  double sum = 0;
  for (const PeriodScore& period : periods) sum += period.score;
  return sum / static_cast<double>(periods.size());
}

}  // namespace

std::vector<Judgement> JudgementsOf(std::span<const GenerationRecord> records) {
  const uint64_t length = LongestPeriod(records);
  std::vector<Judgement> judgements;
  for (const GenerationRecord& record : records) {
    Judgement judgement{.number = record.number,
                        .state = record.state,
                        .steps = record.steps,
                        .create_time = record.create_time,
                        .periods = Merge(record.periods, length)};
    if (judgement.periods.empty()) continue;
    judgement.average_score = AverageOf(judgement.periods);
    judgements.push_back(std::move(judgement));
  }
  std::sort(judgements.begin(), judgements.end(),
            [](const Judgement& a, const Judgement& b) { return a.number < b.number; });
  return judgements;
}

ContinualMeasures Measure(std::span<const Judgement> judgements) {
  ContinualMeasures measures;
  if (judgements.empty()) return measures;
  struct Past {
    double first = 0;
    double best = 0;
  };
  std::map<uint64_t, Past> past;
  for (const Judgement& judgement : judgements.first(judgements.size() - 1)) {
    for (const PeriodScore& period : judgement.periods) {
      const auto [entry, fresh] =
          past.try_emplace(period.first_ordinal, Past{period.score, period.score});
      entry->second.best = std::max(entry->second.best, period.score);
    }
  }
  double forgotten = 0;
  double gained = 0;
  uint64_t count = 0;
  for (const PeriodScore& period : judgements.back().periods) {
    const auto entry = past.find(period.first_ordinal);
    if (entry == past.end()) continue;  // first seen in the last judgement
    forgotten += entry->second.best - period.score;
    gained += period.score - entry->second.first;
    ++count;
  }
  measures.average_accuracy = judgements.back().average_score;
  if (count > 0) {
    measures.forgetting = forgotten / static_cast<double>(count);
    measures.backward_transfer = gained / static_cast<double>(count);
  }
  return measures;
}

}  // namespace mixmatch
