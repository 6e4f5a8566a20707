// What the command line prints: figures, tables, progress, and the arithmetic of eval.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "absl/time/time.h"
#include "clients/cli/eval_report.h"
#include "clients/cli/format.h"
#include "clients/cli/progress.h"
#include "clients/cli/table.h"

namespace mixmatch::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FormatTest, ShowsFiguresAsPeopleReadThem) {
  EXPECT_EQ(CountText(0), "0");
  EXPECT_EQ(CountText(999), "999");
  EXPECT_EQ(CountText(1234567), "1,234,567");
  EXPECT_EQ(BytesText(512), "512 B");
  EXPECT_EQ(BytesText(1536), "1.5 KiB");
  EXPECT_EQ(BytesText(uint64_t{3} << 30U), "3.0 GiB");
  EXPECT_EQ(DurationText(absl::Milliseconds(4230)), "4.2 s");
  EXPECT_EQ(DurationText(absl::Seconds(42)), "42 s");
  EXPECT_EQ(DurationText(absl::Seconds(187)), "3:07");
  EXPECT_EQ(DurationText(absl::Seconds(3723)), "1:02:03");
}

TEST(FormatTest, ShowsTimesInUtc) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(TimeText(time), "");
  time.set_seconds(1714564800);
  time.set_nanos(500000000);
  EXPECT_EQ(TimeText(time), "2024-05-01 12:00:00.500Z");
}

TEST(FormatTest, KeepsStoredTextFromSteeringTheTerminal) {
  EXPECT_EQ(Printable("a\033[2Jb\nc", 80), "a [2Jb c");
  EXPECT_EQ(Printable("äöüß", 4), "äöüß");
  EXPECT_EQ(Printable("äöüßx", 4), "äöü…");
}

TEST(TableTest, AlignsColumnsByCharactersAndLeavesEmptyOnesOut) {
  Table table({{"name"}, {"empty"}, {"count", Table::Align::kRight}});
  table.AddRow({"größer", "", "7"});
  table.AddRow({"a", "", "1,000"});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "name    count\n"
            "größer      7\n"
            "a       1,000\n");
}

TEST(ProgressTest, ShowsShareRateAndTimeLeft) {
  ProgressView view;
  view.label = "ingest";
  view.unit = "events";
  view.done = 500;
  view.total = 2000;
  view.rate_per_s = 100;
  view.remaining = absl::Seconds(15);
  view.detail = "waiting";
  EXPECT_EQ(ProgressText(view), "ingest   25 %  500/2,000 events  100/s  left 15 s  waiting");
  EXPECT_EQ(ProgressBar(view, 8),
            "ingest  [##------]   25 %  500/2,000 events  100/s  left 15 s  waiting");
  view.done = 1999;
  EXPECT_THAT(ProgressText(view), HasSubstr(" 99 %"));
}

TEST(ProgressTest, ShowsCountsAloneWhereTheTotalIsUnknown) {
  ProgressView view;
  view.label = "consolidate";
  view.unit = "steps";
  view.done = 12;
  EXPECT_EQ(ProgressBar(view, 8), "consolidate  12 steps");
}

TEST(ProgressTest, WritesPlainLinesWhereThereIsNoTerminal) {
  std::ostringstream out;
  {
    Progress progress(out, ProgressStyle::kLines, "ingest", "events");
    for (uint64_t i = 0; i <= 1000; ++i) progress.Update(i, 1000, "");
    progress.Note("line 7: bad");
  }
  const std::string text = out.str();
  EXPECT_THAT(text, Not(HasSubstr("\033")));
  EXPECT_THAT(text, HasSubstr("line 7: bad\n"));
  EXPECT_THAT(text, HasSubstr("100 %  1,000/1,000 events"));
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(ProgressTest, EndsTheBarsLineAndSaysNothingWhenTold) {
  std::ostringstream out;
  {
    Progress progress(out, ProgressStyle::kBar, "publish", "");
    progress.Update(1, 2, "");
  }
  EXPECT_THAT(out.str(), HasSubstr("[############------------]"));
  EXPECT_EQ(out.str().back(), '\n');
  std::ostringstream silent;
  { Progress(silent, ProgressStyle::kNone, "publish", "").Update(1, 2, ""); }
  EXPECT_EQ(silent.str(), "");
}

TEST(EvalReportTest, ScoresOneQuery) {
  const QueryScore score = ScoreOf({false, true, false, true}, 4, 8);
  EXPECT_EQ(score.p_at_1, 0);
  EXPECT_EQ(score.p_at_k, 0.5);
  EXPECT_EQ(score.mrr, 0.5);
  EXPECT_EQ(score.recall_at_k, 0.25);
}

TEST(EvalReportTest, DividesByKEvenWhenFewerResultsCame) {
  const QueryScore score = ScoreOf({true, true}, 10, 2);
  EXPECT_EQ(score.p_at_1, 1);
  EXPECT_DOUBLE_EQ(score.p_at_k, 0.2);
  EXPECT_EQ(score.recall_at_k, 1);
}

TEST(EvalReportTest, ScoresZeroWhereNothingRelevantCameOrIsStored) {
  for (const QueryScore& score : {ScoreOf({}, 10, 5), ScoreOf({false, false}, 2, 5)}) {
    EXPECT_EQ(score.p_at_1 + score.p_at_k + score.mrr + score.recall_at_k, 0);
  }
  EXPECT_EQ(ScoreOf({true}, 1, 0).recall_at_k, 0);
}

TEST(EvalReportTest, TakesMeansPerPairWhateverTheOrderOfModalities) {
  EvalReport report;
  report.Add({"text", "audio"}, "image", {1, 0.5, 1, 0.1});
  report.Add({"audio", "text"}, "image", {0, 0.25, 0.5, 0.3});
  report.Add({"audio"}, "image", {1, 1, 1, 1});
  EXPECT_EQ(report.Json(10),
            R"({"k":10,"pairs":[{"query":["audio"],"want":"image","count":1,"p_at_1":1.0,)"
            R"("p_at_k":1.0,"mrr":1.0,"recall_at_k":1.0},{"query":["audio","text"],)"
            R"("want":"image","count":2,"p_at_1":0.5,"p_at_k":0.375,"mrr":0.75,)"
            R"("recall_at_k":0.2}]})");
  std::ostringstream out;
  report.PrintTable(10, out);
  EXPECT_EQ(out.str(),
            "query       wanted  count    P@1   P@10    MRR  recall@10\n"
            "audio       image       1  1.000  1.000  1.000     1.0000\n"
            "audio+text  image       2  0.500  0.375  0.750     0.2000\n");
}

}  // namespace
}  // namespace mixmatch::cli
