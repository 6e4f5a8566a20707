// The report on learning: tables and pictures out of the daemon's answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <optional>
#include <string_view>

#include "clients/cli/learning_charts.h"
#include "clients/cli/period_columns.h"
#include "clients/cli/svg_chart.h"
#include "tests/clients/command_line_fixture.h"

namespace mixmatch::cli {
namespace {

using ::testing::DoubleEq;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pointwise;

// What is wrong with a document in the subset of XML that has no comments and no CDATA; "" when it
// is well-formed.
std::string XmlFault(std::string_view rest) {
  std::vector<std::string> open;
  bool seen = false;
  const auto text_is_good = [](std::string_view text) {
    for (size_t at = text.find('&'); at != text.npos; at = text.find('&', at + 1)) {
      const std::string_view entity = text.substr(at, text.find(';', at) - at + 1);
      if (entity != "&amp;" && entity != "&lt;" && entity != "&gt;" && entity != "&quot;" &&
          entity != "&apos;") {
        return false;
      }
    }
    return std::none_of(text.begin(), text.end(),
                        [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; });
  };
  if (rest.starts_with("<?xml")) rest.remove_prefix(rest.find("?>") + 2);
  while (!rest.empty()) {
    const size_t begin = std::min(rest.find('<'), rest.size());
    if (!text_is_good(rest.substr(0, begin))) return "text " + std::string(rest.substr(0, begin));
    rest.remove_prefix(begin);
    if (rest.empty()) break;
    const size_t end = rest.find('>');
    if (end == rest.npos) return "a tag that does not end";
    std::string_view tag = rest.substr(1, end - 1);
    rest.remove_prefix(end + 1);
    if (tag.starts_with("/")) {
      if (open.empty() || open.back() != tag.substr(1)) return "</" + std::string(tag.substr(1));
      open.pop_back();
      continue;
    }
    if (open.empty() && seen) return "a second root";
    seen = true;
    const bool closed = tag.ends_with("/");
    if (closed) tag.remove_suffix(1);
    const size_t name_end = std::min(tag.find(' '), tag.size());
    if (!closed) open.emplace_back(tag.substr(0, name_end));
    for (tag.remove_prefix(name_end); !tag.empty();) {  // name="value" after a space each
      const size_t quote = tag.find("=\"");
      const size_t value_end = quote == tag.npos ? quote : tag.find('"', quote + 2);
      if (tag[0] != ' ' || value_end == tag.npos || tag.find('<') < value_end ||
          !text_is_good(tag.substr(quote + 2, value_end - quote - 2))) {
        return "attributes " + std::string(tag);
      }
      tag.remove_prefix(value_end + 1);
    }
  }
  return open.empty() && seen ? "" : "it does not end";
}

size_t CountOf(const std::string& text, std::string_view piece) {
  size_t count = 0;
  for (size_t at = text.find(piece); at != text.npos; at = text.find(piece, at + 1)) ++count;
  return count;
}

void AddRow(uint64_t steps_total, const std::vector<std::pair<std::string, double>>& pairs,
            v1::LearningHistoryRow* row) {
  row->set_steps_total(steps_total);
  row->set_steps_stream(25);
  for (const auto& [name, loss] : pairs) {
    v1::PairLoss* const pair = row->add_pairs();
    pair->set_pair(name);
    pair->set_loss(loss);
    pair->set_positive_count(100);
  }
}

void AddJudgement(uint64_t number, v1::Generation::State state, const std::vector<double>& scores,
                  uint64_t length, v1::GetLearningReportResponse* report) {
  v1::Judgement* const judgement = report->add_judgements();
  judgement->set_number(number);
  judgement->set_state(state);
  judgement->set_steps(number * 10);
  double sum = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    v1::PeriodScore* const period = judgement->add_periods();
    period->set_first_ordinal(i * length);
    period->set_last_ordinal((i + 1) * length);
    period->set_score(scores[i]);
    period->set_probe_count(10);
    sum += scores[i];
  }
  judgement->set_average_score(sum / static_cast<double>(scores.size()));
}

v1::GetLearningReportResponse Report() {
  v1::GetLearningReportResponse report;
  report.set_steps_total(75);
  report.set_steps_stream(70);
  report.set_steps_consolidation(5);
  report.set_steps_per_s(2.5);
  report.set_learning_time_share(0.25);
  report.mutable_step_time()->set_seconds(30);
  report.mutable_wall_time()->set_seconds(120);
  AddRow(25, {{"a<b> -> \"c&d\"", 4.0}, {"mixture", 3.5}}, report.add_rows());
  AddRow(50, {{"a<b> -> \"c&d\"", 3.0}, {"mixture", 2.5}}, report.add_rows());
  AddRow(75, {{"a<b> -> \"c&d\"", 2.0}}, report.add_rows());
  AddRow(75, {{"a<b> -> \"c&d\"", 2.5}}, report.mutable_recent());
  AddJudgement(1, v1::Generation::KEPT, {0.75}, 1024, &report);
  AddJudgement(2, v1::Generation::REFUSED, {0.5, 0.625}, 1024, &report);
  AddJudgement(4, v1::Generation::SERVING, {0.875, 0.75}, 1024, &report);
  report.mutable_measures()->set_average_accuracy(0.8125);
  report.mutable_measures()->set_forgetting(-0.125);
  report.mutable_measures()->set_backward_transfer(0.125);
  return report;
}

TEST(LearningSvgTest, IsWellFormedWhateverThingsAreCalled) {
  const std::string svg = LearningSvg(Report());
  EXPECT_EQ(XmlFault(svg), "");
  EXPECT_THAT(svg, HasSubstr("a&lt;b&gt; -&gt; &quot;c&amp;d&quot;"));
  EXPECT_EQ(svg, LearningSvg(Report()));
  EXPECT_NE(XmlFault("<a><b></a>"), "");
  EXPECT_NE(XmlFault("<a b=\"<\"/>"), "");
  EXPECT_NE(XmlFault("<a>&</a>"), "");
}

TEST(LearningSvgTest, HasEveryPointAndEveryMark) {
  const std::string svg = LearningSvg(Report());
  // The loss of one pair at three rows, of the other at two; 0 to 75 steps over 630 pixels, 0 to 4
  // over 240.
  EXPECT_THAT(svg, HasSubstr("<polyline points=\"280.0,40.0 490.0,100.0 700.0,160.0\""));
  EXPECT_THAT(svg, HasSubstr("<polyline points=\"280.0,70.0 490.0,130.0\""));
  // Means of three candidates, two published and one refused; the same marks in the legend.
  EXPECT_EQ(CountOf(svg, "r=\"4.0\" fill=\"#2ca02c\""), 2U + 1U);
  EXPECT_EQ(CountOf(svg, "stroke=\"#d62728\" stroke-width=\"2\""), 1U + 1U);
  EXPECT_THAT(svg, HasSubstr(">refused</text>"));
  // Two periods, the older one in all three judgements: 0.5 to 1 over 240 pixels, third panel.
  EXPECT_THAT(svg, HasSubstr("<polyline points=\"70.0,820.0 280.0,940.0 700.0,760.0\""));
  EXPECT_THAT(svg, HasSubstr(">1,024 - 2,047</text>"));
}

TEST(LearningSvgTest, IsAPictureFromTheFirstMomentOn) {
  const std::string svg = LearningSvg({});
  EXPECT_EQ(XmlFault(svg), "");
  EXPECT_EQ(CountOf(svg, "nothing yet"), 3U);
}

TEST(SvgChartTest, ColoursAreToldApartAndRunFromBlueToOrange) {
  EXPECT_NE(PaletteColour(0), PaletteColour(1));
  EXPECT_EQ(PaletteColour(0), PaletteColour(10));
  EXPECT_EQ(ScaleColour(0), "#1b2a6b");
  EXPECT_EQ(ScaleColour(0.5), "#b5367a");
  EXPECT_EQ(ScaleColour(1), "#f2a02b");
}

TEST(SvgChartTest, LeavesOutWhatIsNoNumberAndSaysWhatDoesNotFit) {
  Chart chart{.title = "t", .x_label = "x", .y_label = "y"};
  for (size_t i = 0; i < kSeriesMax + 3; ++i) {
    chart.series.push_back({.name = absl::StrCat("series ", i),
                            .colour = PaletteColour(i),
                            .points = {{0, 1},
                                       {1, std::numeric_limits<double>::quiet_NaN()},
                                       {2, std::numeric_limits<double>::infinity()},
                                       {3, 2}}});
  }
  const std::string svg = SvgOf("all\x01 of it", {&chart, 1});
  EXPECT_EQ(XmlFault(svg), "");
  EXPECT_THAT(svg, HasSubstr("<title>all  of it</title>"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
  EXPECT_THAT(svg, Not(HasSubstr("inf")));
  EXPECT_EQ(CountOf(svg, "<polyline points=\"70.0,280.0 700.0,40.0\""), kSeriesMax);
  EXPECT_THAT(svg, HasSubstr(">and 3 more</text>"));
}

TEST(SvgChartTest, TicksAreRoundNumbersWithinTheAxis) {
  EXPECT_THAT(TicksOf(0, 1), Pointwise(DoubleEq(), std::vector<double>{0, 0.2, 0.4, 0.6, 0.8, 1}));
  EXPECT_THAT(TicksOf(25, 1234),
              Pointwise(DoubleEq(), std::vector<double>{200, 400, 600, 800, 1000, 1200}));
  EXPECT_THAT(TicksOf(-0.6, 0.5),
              Pointwise(DoubleEq(), std::vector<double>{-0.6, -0.4, -0.2, 0, 0.2, 0.4}));
  EXPECT_THAT(TicksOf(1, 2, 1), Pointwise(DoubleEq(), std::vector<double>{1, 2}));
  EXPECT_TRUE(TicksOf(1, 1).empty());
}

TEST(PeriodColumnsTest, AreMergedByTheirProbesUntilTheyFit) {
  v1::GetLearningReportResponse report;
  AddJudgement(1, v1::Generation::KEPT, std::vector<double>(9, 0.5), 64, &report);
  v1::Judgement& judgement = *report.mutable_judgements(0);
  judgement.mutable_periods(1)->set_score(1);
  judgement.mutable_periods(1)->set_probe_count(30);
  judgement.mutable_periods(2)->set_probe_count(0);
  judgement.mutable_periods(3)->set_probe_count(0);
  const PeriodColumns columns = PeriodColumnsOf(report);
  EXPECT_EQ(columns.length, 128U);
  EXPECT_EQ(columns.first_ordinals, (std::vector<uint64_t>{0, 128, 256, 384, 512}));
  const auto scores = ScoresOf(judgement, columns);
  EXPECT_DOUBLE_EQ(*scores[0], 0.875);
  EXPECT_FALSE(scores[1]);
  EXPECT_DOUBLE_EQ(*scores[4], 0.5);
}

TEST_F(CommandLineTest, ReportsHowLearningWent) {
  EXPECT_THAT(Ctl({"learning", "report"}).out, HasSubstr("no candidate was judged"));
  server_.SetReport(Report());
  const Result result = Ctl({"learning", "report"});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  EXPECT_EQ(result.out,
            "steps              75 (stream 70, consolidation 5), 2.5/s\n"
            "time learning      25.0 %: 30 s of 2:00\n"
            "average accuracy   0.812 (1 perfect, 0.5 chance)\n"
            "forgetting         -0.125\n"
            "backward transfer  +0.125\n"
            "\n"
            "loss of        at start    now  change\n"
            "a<b> -> \"c&d\"     4.000  2.500  -1.500\n"
            "mixture           3.500\n"
            "\n"
            "scores by period of 1,024 closed episodes, named by its first\n"
            "candidate  state    steps   mean      0  1,024\n"
            "        1  kept        10  0.750  0.750\n"
            "        2  refused     20  0.562  0.500  0.625\n"
            "        4  serving     40  0.812  0.875  0.750\n");
}

TEST_F(CommandLineTest, ReportsLearningAsJsonAndAsAPicture) {
  server_.SetReport(Report());
  const std::string file = folder_ + "/learning.svg";
  const Result result = Ctl({"learning", "report", "--json", "--svg", file});
  EXPECT_EQ(result.code, kExitOk) << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json["rows"].size(), 3U);
  EXPECT_EQ(json["judgements"][1]["state"], "REFUSED");
  EXPECT_EQ(json["measures"]["forgetting"], -0.125);
  std::ifstream stream(file);
  const std::string svg(std::istreambuf_iterator<char>(stream), {});
  EXPECT_EQ(svg, LearningSvg(Report()));
  EXPECT_THAT(Ctl({"learning", "report", "--svg", file}).out, HasSubstr("picture: " + file));
  const Result refused = Ctl({"learning", "report", "--svg", folder_ + "/none/learning.svg"});
  EXPECT_EQ(refused.code, kExitUsage);
  EXPECT_THAT(refused.err, HasSubstr("it cannot be written"));
}

}  // namespace
}  // namespace mixmatch::cli
