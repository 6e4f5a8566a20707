// Three charts out of rows and judgements.
#include "clients/cli/learning_charts.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/format.h"
#include "clients/cli/svg_chart.h"

namespace mixmatch::cli {
namespace {

constexpr char kScoreLabel[] = "score (1 perfect, 0.5 chance)";
constexpr size_t kPaletteSize = 10;

bool IsRefused(const v1::Judgement& judgement) {
  return judgement.state() == v1::Generation::REFUSED;
}

// The pairs to draw: those with the most positives where there are too many; by name.
std::vector<std::string> PairsOf(const v1::GetLearningReportResponse& report) {
  std::map<std::string, uint64_t> positives;
  for (const v1::LearningHistoryRow& row : report.rows()) {
    for (const v1::PairLoss& pair : row.pairs()) positives[pair.pair()] += pair.positive_count();
  }
  std::vector<std::pair<uint64_t, std::string>> ranked;
  for (const auto& [pair, count] : positives) ranked.emplace_back(count, pair);
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  const size_t drawn = std::min(ranked.size(), kSeriesMax);
  std::vector<std::string> names;
  for (const auto& [count, name] : ranked) names.push_back(name);
  std::sort(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(drawn));
  return names;
}

Chart LossChart(const v1::GetLearningReportResponse& report) {
  Chart chart{.title = "Loss per pair", .x_label = "optimiser steps", .y_label = "loss (nats)"};
  chart.x_covers = {0, static_cast<double>(report.steps_total())};
  chart.y_covers = {0};
  chart.x_whole = true;
  std::map<std::string, std::vector<ChartPoint>> points;
  for (const v1::LearningHistoryRow& row : report.rows()) {
    for (const v1::PairLoss& pair : row.pairs()) {
      points[pair.pair()].push_back({static_cast<double>(row.steps_total()), pair.loss()});
    }
  }
  for (const std::string& pair : PairsOf(report)) {
    const size_t place = chart.series.size();
    chart.series.push_back({.name = pair,
                            .colour = PaletteColour(place),
                            .dashed = place >= kPaletteSize,
                            .points = std::move(points[pair])});
  }
  return chart;
}

Chart ScoreChart(const v1::GetLearningReportResponse& report) {
  Chart chart{.title = "Mean probe score of each candidate",
              .x_label = "optimiser steps",
              .y_label = kScoreLabel};
  chart.x_covers = {0, static_cast<double>(report.steps_total())};
  chart.y_covers = {0.5, 1};
  chart.x_whole = true;
  ChartSeries all{.name = "all candidates", .colour = "#9a9a9a"};
  ChartSeries published{
      .name = "published", .colour = "#2ca02c", .line = false, .mark = ChartSeries::Mark::kDot};
  ChartSeries refused{
      .name = "refused", .colour = "#d62728", .line = false, .mark = ChartSeries::Mark::kCross};
  for (const v1::Judgement& judgement : report.judgements()) {
    const ChartPoint point{static_cast<double>(judgement.steps()), judgement.average_score()};
    all.points.push_back(point);
    (IsRefused(judgement) ? refused : published).points.push_back(point);
  }
  chart.series = {std::move(all), std::move(published), std::move(refused)};
  return chart;
}

Chart PeriodChart(const v1::GetLearningReportResponse& report) {
  Chart chart{.title = "Score of each period of the stream (closed episodes)",
              .x_label = "candidate",
              .y_label = kScoreLabel};
  chart.y_covers = {0.5, 1};
  chart.x_whole = true;
  std::map<uint64_t, ChartSeries> periods;
  for (const v1::Judgement& judgement : report.judgements()) {
    for (const v1::PeriodScore& period : judgement.periods()) {
      ChartSeries& series = periods[period.first_ordinal()];
      series.name = PeriodText(period);
      series.points.push_back({static_cast<double>(judgement.number()), period.score()});
    }
  }
  for (auto& [first, series] : periods) {
    const auto place = static_cast<double>(chart.series.size());
    series.colour =
        ScaleColour(periods.size() > 1 ? place / static_cast<double>(periods.size() - 1) : 0);
    chart.series.push_back(std::move(series));
  }
  return chart;
}

}  // namespace

std::string PeriodText(const v1::PeriodScore& period) {
  return absl::StrCat(CountText(period.first_ordinal()), " - ",
                      CountText(std::max<uint64_t>(period.last_ordinal(), 1) - 1));
}

std::string LearningSvg(const v1::GetLearningReportResponse& report) {
  const std::vector<Chart> charts = {LossChart(report), ScoreChart(report), PeriodChart(report)};
  return SvgOf(absl::StrCat("Mix-Match: learning, ", CountText(report.steps_total()), " steps"),
               charts);
}

}  // namespace mixmatch::cli
