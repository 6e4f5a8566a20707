// The manifest's and the queries' readers: what they take, and what they say about what they do
// not.
#include "clients/manifest/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "clients/manifest/line_reader.h"
#include "clients/manifest/percepts.h"
#include "clients/manifest/queries.h"
#include "clients/manifest/times.h"

namespace mixmatch::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ManifestTest : public ::testing::Test {
 protected:
  ManifestTest() : folder_(absl::StrCat(::testing::TempDir(), "manifest_test_", getpid())) {
    std::filesystem::create_directories(folder_ + "/media");
    Write("media/a.png", "not really a picture");
    Write("media/B.WAV", "not really a sound");
    Write("media/raw.bin", "pixels");
  }
  ~ManifestTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& content) const {
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
  }
  absl::StatusOr<v1::Event> Parse(const std::string& line) const {
    return EventFromLine(line, folder_);
  }
  // The event with this percept, whose error is wanted.
  std::string ErrorOfPercept(const std::string& percept) const {
    return ErrorOf(R"({"event_id":"e","time":1,"percepts":[)" + percept + "]}");
  }
  std::string ErrorOf(const std::string& line) const {
    return std::string(Parse(line).status().message());
  }

  const std::string folder_;
};

TEST_F(ManifestTest, ReadsEveryFieldOfAnEvent) {
  const auto event =
      Parse(R"({"event_id":"e1","time":"2024-05-01T12:00:00.5Z","duration":1.5,"source":"robot",)"
            R"("scene":"kitchen","position":[1,-2.5,3],"metadata":{"digit":"3","who":"Ü"},)"
            R"("percepts":[{"modality":"image","file":"media/a.png"},)"
            R"({"modality":"text","text":"three"},{"modality":"pose","vector":[0.5,-1]},)"
            R"({"modality":"imu","series":[[1,2],[3,4],[5,6]],"rate_hz":50}]})");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->event_id(), "e1");
  EXPECT_EQ(event->time().seconds(), 1714564800);
  EXPECT_EQ(event->time().nanos(), 500000000);
  EXPECT_EQ(event->duration().seconds(), 1);
  EXPECT_EQ(event->duration().nanos(), 500000000);
  EXPECT_EQ(event->source(), "robot");
  EXPECT_EQ(event->scene(), "kitchen");
  EXPECT_EQ(event->position().y(), -2.5);
  EXPECT_EQ(event->metadata().at("who"), "Ü");
  ASSERT_EQ(event->percepts_size(), 4);
  EXPECT_EQ(event->percepts(0).image().data(), "not really a picture");
  EXPECT_EQ(event->percepts(0).image().media_type(), "image/png");
  EXPECT_EQ(event->percepts(1).text().text(), "three");
  EXPECT_THAT(event->percepts(2).vector().values(), ElementsAre(0.5F, -1.0F));
  EXPECT_THAT(event->percepts(3).series().values(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(event->percepts(3).series().channel_count(), 2);
  EXPECT_EQ(event->percepts(3).series().rate_hz(), 50);
}

TEST_F(ManifestTest, TakesThePayloadsKindFromTheExtensionAndNotFromTheModality) {
  const auto event = Parse(
      R"({"event_id":"e","time":1,"percepts":[{"modality":"left_camera","file":"media/a.png"},)"
      R"({"modality":"left_ear","file":"media/B.WAV"},)"
      R"({"modality":"thermal","file":"media/raw.bin","kind":"image"}]})");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_TRUE(event->percepts(0).has_image());
  EXPECT_EQ(event->percepts(1).audio().media_type(), "audio/wav");
  EXPECT_TRUE(event->percepts(2).has_image());
  EXPECT_EQ(event->percepts(2).image().media_type(), "");
  EXPECT_EQ(event->percepts(2).modality(), "thermal");
}

TEST_F(ManifestTest, TakesAbsolutePathsAsTheyAre) {
  const auto percept = PerceptFromJson(R"({"file":")" + folder_ + R"(/media/a.png"})", "/nowhere");
  ASSERT_TRUE(percept.ok()) << percept.status();
  EXPECT_EQ(ModalityOf(*percept), "image");
}

TEST_F(ManifestTest, ReadsSeriesOfOneChannelAndWithTheirOwnTimes) {
  const auto event =
      Parse(R"({"event_id":"e","time":1,"percepts":[{"series":[1,2,4],"times_s":[0,0.1,0.5]}]})");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->percepts(0).series().channel_count(), 1);
  EXPECT_THAT(event->percepts(0).series().times_s(), ElementsAre(0, 0.1, 0.5));
}

TEST_F(ManifestTest, TakesTimesAsSecondsToTheMicrosecond) {
  const auto event = Parse(R"({"event_id":"e","time":1700000000.123,"percepts":[{"text":"a"}]})");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->time().seconds(), 1700000000);
  EXPECT_EQ(event->time().nanos(), 123000000);
}

TEST(TimesTest, ReadsOffsetsAndTimesBefore1970) {
  EXPECT_EQ(TimestampFromText("2024-05-01T14:00:00+02:00")->seconds(), 1714564800);
  const auto before = TimestampFromSeconds(-0.25);
  EXPECT_EQ(before->seconds(), -1);
  EXPECT_EQ(before->nanos(), 750000000);
  EXPECT_EQ(TimestampFromArgument("12.5")->nanos(), 500000000);
}

TEST(TimesTest, RefusesWhatIsNoTime) {
  for (const char* text : {"yesterday", "2024-05-01", "2024-13-01T00:00:00Z", "infinite-future",
                           "2024-05-01T12:00:00", "infinite-past-and-more"}) {
    EXPECT_FALSE(TimestampFromText(text).ok()) << text;
  }
  EXPECT_FALSE(TimestampFromSeconds(1e300).ok());
  EXPECT_FALSE(TimestampFromSeconds(std::numeric_limits<double>::quiet_NaN()).ok());
  EXPECT_FALSE(DurationFromSeconds(-1).ok());
}

TEST_F(ManifestTest, NamesTheUnknownKey) {
  EXPECT_THAT(ErrorOf(R"({"event_id":"e","tiem":1,"percepts":[{"text":"a"}]})"),
              HasSubstr("tiem: unknown key"));
  EXPECT_THAT(ErrorOfPercept(R"({"text":"a","lang":"en"})"),
              HasSubstr("percepts[0].lang: unknown key"));
}

TEST_F(ManifestTest, NamesTheFieldThatIsMissingOrOfTheWrongKind) {
  EXPECT_THAT(ErrorOf(R"({"time":1,"percepts":[{"text":"a"}]})"),
              HasSubstr("event_id: it is miss"));
  EXPECT_THAT(ErrorOf(R"({"event_id":"","time":1,"percepts":[]})"),
              HasSubstr("event_id: it is em"));
  EXPECT_THAT(ErrorOf(R"({"event_id":7,"time":1,"percepts":[]})"), HasSubstr("it is a number"));
  EXPECT_THAT(ErrorOf(R"({"event_id":"e","percepts":[]})"), HasSubstr("time: it is missing"));
  EXPECT_THAT(ErrorOf(R"({"event_id":"e","time":"noon","percepts":[]})"),
              HasSubstr("time: 'noon'"));
  EXPECT_THAT(ErrorOf(R"({"event_id":"e","time":1,"duration":-1,"percepts":[]})"),
              HasSubstr("duration: -1"));
  EXPECT_THAT(ErrorOf(R"({"event_id":"e","time":1,"position":[1,2],"percepts":[]})"),
              HasSubstr("position: it has 2 numbers"));
  EXPECT_THAT(ErrorOf(R"({"event_id":"e","time":1,"metadata":{"n":3},"percepts":[]})"),
              HasSubstr("metadata.n: it is a number"));
  EXPECT_THAT(ErrorOf(R"({"event_id":"e","time":1,"percepts":[]})"),
              HasSubstr("percepts: it is empty"));
  EXPECT_THAT(ErrorOf("[1]"), HasSubstr("line: it is a list"));
}

TEST_F(ManifestTest, SaysWhereALineIsNoJson) {
  EXPECT_THAT(ErrorOf(R"({"event_id":"e",)"), HasSubstr("no valid JSON at byte 17"));
  EXPECT_THAT(ErrorOf("{\"event_id\":\"\xff\"}"), HasSubstr("UTF-8"));
}

TEST_F(ManifestTest, NamesThePerceptThatIsBad) {
  EXPECT_THAT(ErrorOfPercept(R"({"modality":"a"})"), HasSubstr("percepts[0]: it has 0 payloads"));
  EXPECT_THAT(ErrorOfPercept(R"({"text":"a","vector":[1]})"), HasSubstr("it has 2 payloads"));
  EXPECT_THAT(ErrorOfPercept(R"({"file":"media/gone.png"})"),
              HasSubstr("percepts[0].file: " + folder_ + "/media/gone.png: there is no such file"));
  EXPECT_THAT(ErrorOfPercept(R"({"file":"media"})"), HasSubstr("kind"));
  EXPECT_THAT(ErrorOfPercept(R"({"file":"media/raw.bin"})"), HasSubstr("its extension"));
  EXPECT_THAT(ErrorOfPercept(R"({"file":"media/a.png","kind":"smell"})"), HasSubstr("'smell'"));
  EXPECT_THAT(ErrorOfPercept(R"({"text":"a","kind":"text"})"), HasSubstr("percepts[0].kind"));
  EXPECT_THAT(ErrorOfPercept(R"({"vector":[1,"2"]})"),
              HasSubstr("percepts[0].vector[1]: it is text"));
  EXPECT_THAT(ErrorOfPercept(R"({"vector":[1e39]})"), HasSubstr("percepts[0].vector[0]: 1e+39"));
  EXPECT_THAT(ErrorOfPercept(R"({"series":[[1,2],[3]],"rate_hz":1})"),
              HasSubstr("percepts[0].series[1]: it has 1 numbers, the first row 2"));
  EXPECT_THAT(ErrorOfPercept(R"({"series":[1,2]})"), HasSubstr("percepts[0].rate_hz"));
  EXPECT_THAT(ErrorOfPercept(R"({"series":[1,2],"times_s":[0]})"), HasSubstr("1 times for 2"));
  EXPECT_THAT(ErrorOfPercept(R"({"vector":[1],"rate_hz":5})"), HasSubstr("there is no series"));
}

TEST_F(ManifestTest, RefusesAnEmptyFile) {
  Write("media/empty.png", "");
  EXPECT_THAT(ErrorOfPercept(R"({"file":"media/empty.png"})"), HasSubstr("it is empty"));
}

TEST_F(ManifestTest, GivesLinesTheirNumbersAndLeavesBlankOnesOut) {
  Write("lines.jsonl", "one\r\n\n   \nfour\nlast without an end");
  auto lines = LineReader::Open(folder_ + "/lines.jsonl", 8);
  ASSERT_TRUE(lines.ok());
  auto line = lines->Next();
  EXPECT_EQ(line->number, 1);
  EXPECT_EQ(line->text, "one");
  EXPECT_EQ(lines->Next()->number, 4);
  line = lines->Next();
  EXPECT_EQ(line->number, 5);
  EXPECT_TRUE(line->too_long);
  EXPECT_FALSE(lines->Next().has_value());
  EXPECT_TRUE(absl::IsNotFound(LineReader::Open(folder_ + "/gone").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(LineReader::Open(folder_).status()));
  EXPECT_EQ(FolderOf("a/b.jsonl"), "a");
  EXPECT_EQ(FolderOf("b.jsonl"), ".");
}

TEST_F(ManifestTest, ReadsQueries) {
  const auto query = QueryFromLine(
      R"({"percepts":[{"modality":"audio","file":"media/B.WAV"},{"text":"three"}],"want":"image",)"
      R"("relevant":{"metadata":{"digit":"3"}},"k":5,"filter":{"metadata":{"part":"a"}}})",
      folder_);
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->percepts.percepts_size(), 2);
  EXPECT_EQ(query->want, "image");
  EXPECT_EQ(query->k, 5);
  EXPECT_EQ(query->relevant.metadata(0).key(), "digit");
  EXPECT_THAT(query->relevant.metadata(0).values(), ElementsAre("3"));
  EXPECT_EQ(query->filter.metadata(0).key(), "part");
}

TEST_F(ManifestTest, SaysWhatIsWrongWithAQuery) {
  const auto error = [&](const std::string& line) {
    return std::string(QueryFromLine(line, folder_).status().message());
  };
  const std::string good = R"("percepts":[{"text":"a"}],"relevant":{"metadata":{"d":"3"}})";
  EXPECT_EQ(error("{" + good + R"(,"want":"image"})"), "");
  EXPECT_THAT(error("{" + good + "}"), HasSubstr("want: no modality"));
  EXPECT_THAT(error("{" + good + R"(,"want":"image","k":0})"), HasSubstr("k: it is 0"));
  EXPECT_THAT(error("{" + good + R"(,"want":"image","k":2.5})"), HasSubstr("k: it is 2.5"));
  EXPECT_THAT(error("{" + good + R"(,"want":"image","id":1})"), HasSubstr("id: unknown key"));
  EXPECT_THAT(error(R"({"percepts":[{"text":"a"}],"want":"image"})"),
              HasSubstr("relevant.metadata: no condition"));
  EXPECT_THAT(error(R"({"percepts":[{"text":"a"}],"want":"i","relevant":{"scene":"b"}})"),
              HasSubstr("relevant.scene: unknown key"));
}

}  // namespace
}  // namespace mixmatch::client
