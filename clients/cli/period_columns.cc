// Lengths double until there are few enough.
#include "clients/cli/period_columns.h"

#include <algorithm>
#include <set>

namespace mixmatch::cli {
namespace {

constexpr uint64_t kLengthMax = uint64_t{1} << 62;

}  // namespace

PeriodColumns PeriodColumnsOf(const v1::GetLearningReportResponse& report) {
  PeriodColumns columns;
  std::set<uint64_t> firsts;
  for (const v1::Judgement& judgement : report.judgements()) {
    for (const v1::PeriodScore& period : judgement.periods()) {
      firsts.insert(period.first_ordinal());
      if (period.last_ordinal() > period.first_ordinal()) {
        columns.length = std::max(columns.length, period.last_ordinal() - period.first_ordinal());
      }
    }
  }
  if (columns.length == 0) return columns;
  while (firsts.size() > kPeriodColumnsMax && columns.length < kLengthMax) {
    columns.length *= 2;
    std::set<uint64_t> merged;
    for (const uint64_t first : firsts) merged.insert(first / columns.length * columns.length);
    firsts = std::move(merged);
  }
  columns.first_ordinals.assign(firsts.begin(), firsts.end());
  return columns;
}

std::vector<std::optional<double>> ScoresOf(const v1::Judgement& judgement,
                                            const PeriodColumns& columns) {
  std::vector<std::optional<double>> scores;
  for (const uint64_t first : columns.first_ordinals) {
    double sum = 0;
    uint64_t probes = 0;
    for (const v1::PeriodScore& period : judgement.periods()) {
      if (period.first_ordinal() < first || period.first_ordinal() - first >= columns.length) {
        continue;
      }
      sum += period.score() * static_cast<double>(period.probe_count());
      probes += period.probe_count();
    }
    scores.push_back(probes > 0 ? std::optional<double>(sum / static_cast<double>(probes))
                                : std::nullopt);
  }
  return scores;
}

}  // namespace mixmatch::cli
