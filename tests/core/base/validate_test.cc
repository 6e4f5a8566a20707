// What may enter, and that each refusal names its field.
#include "core/base/validate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "core/base/status.h"

namespace mixmatch {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Event GoodEvent() {
  Event event;
  event.event_id = "e-1";
  event.time = kNow;
  event.percepts = {{.modality = "", .payload = TextPayload{"three"}}};
  return event;
}

Percept Of(Payload payload) { return {.modality = "", .payload = std::move(payload)}; }

struct Case {
  std::string what;
  std::string field;
  std::function<void(Event&)> spoil;
};

void ExpectRefused(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    Event event = GoodEvent();
    c.spoil(event);
    const absl::Status status = ValidateEvent({}, kNow, event);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << c.what;
    EXPECT_EQ(FieldOf(status), c.field) << c.what << ": " << status.message();
    EXPECT_NE(status.message().find("; "), absl::string_view::npos)
        << c.what << ": says what to do: " << status.message();
  }
}

void ExpectPayloadRefused(const std::vector<std::pair<Payload, std::string>>& cases) {
  for (size_t i = 0; i < cases.size(); ++i) {
    Percept percept = Of(cases[i].first);
    const absl::Status status = ValidatePercept({}, percept);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << "case " << i;
    EXPECT_EQ(FieldOf(status), cases[i].second) << "case " << i << ": " << status.message();
  }
}

TEST(ValidateTest, AcceptsAnEventAndNamesItsModality) {
  Event event = GoodEvent();
  event.percepts.push_back(
      Of(SeriesPayload{.values = {1, 2, 3, 4}, .channel_count = 2, .rate_hz = 50}));
  event.percepts.push_back({.modality = "left_camera", .payload = ImagePayload{.data = "x"}});
  ASSERT_TRUE(ValidateEvent({}, kNow, event).ok());
  EXPECT_EQ(event.percepts[0].modality, "text");
  EXPECT_EQ(event.percepts[1].modality, "series");
  EXPECT_EQ(event.percepts[2].modality, "left_camera");
}

TEST(ValidateTest, RefusalsOfAnEventNameTheField) {
  ExpectRefused({
      {"empty id", "event_id", [](Event& e) { e.event_id.clear(); }},
      {"long id", "event_id", [](Event& e) { e.event_id.assign(257, 'x'); }},
      {"id of broken UTF-8", "event_id", [](Event& e) { e.event_id = "\xC3"; }},
      {"no time", "time", [](Event& e) { e.time = absl::InfinitePast(); }},
      {"time before 1900", "time",
       [](Event& e) {
         e.time = absl::FromCivil(absl::CivilDay(1899, 12, 31), absl::UTCTimeZone());
       }},
      {"time ahead", "time", [](Event& e) { e.time = kNow + absl::Hours(24) + absl::Seconds(1); }},
      {"infinite time", "time", [](Event& e) { e.time = absl::InfiniteFuture(); }},
      {"negative duration", "duration", [](Event& e) { e.duration = -absl::Nanoseconds(1); }},
      {"long duration", "duration", [](Event& e) { e.duration = absl::Hours(25); }},
      {"long source", "source", [](Event& e) { e.source.assign(257, 'x'); }},
      {"surrogate in scene", "scene", [](Event& e) { e.scene = "\xED\xA0\x80"; }},
      {"NaN position", "position",
       [](Event& e) {
         e.position = Position{0, std::nan(""), 0};
       }},
      {"no percept", "percepts", [](Event& e) { e.percepts.clear(); }},
      {"many percepts", "percepts", [](Event& e) { e.percepts.resize(33, e.percepts[0]); }},
      {"no payload", "percepts[1].payload", [](Event& e) { e.percepts.push_back(Of({})); }},
      {"capital modality", "percepts[0].modality",
       [](Event& e) { e.percepts[0].modality = "Text"; }},
      {"long modality", "percepts[0].modality",
       [](Event& e) { e.percepts[0].modality.assign(65, 'm'); }},
  });
}

TEST(ValidateTest, RefusalsOfMetadataNameIt) {
  ExpectRefused({
      {"1 MB", "metadata", [](Event& e) { e.metadata["k"].assign(1 << 20, 'x'); }},
      {"many entries", "metadata",
       [](Event& e) {
         for (int i = 0; i < 65; ++i) e.metadata[std::to_string(i)] = "v";
       }},
      {"empty key", "metadata", [](Event& e) { e.metadata[""] = "v"; }},
      {"NUL", "metadata", [](Event& e) { e.metadata["k"] = std::string("a\0b", 3); }},
      {"broken UTF-8", "metadata", [](Event& e) { e.metadata["k"] = "\xFF"; }},
  });
}

TEST(ValidateTest, RefusalsOfAPayloadNameTheFieldInsideThePercept) {
  ExpectPayloadRefused({
      {Payload{}, "payload"},
      {TextPayload{""}, "text.text"},
      {TextPayload{std::string((64 << 10) + 1, 'x')}, "text.text"},
      {TextPayload{"overlong \xC0\xAF"}, "text.text"},
      {AudioPayload{}, "audio.data"},
      {AudioPayload{.data = std::string((8 << 20) + 1, 'x')}, "audio.data"},
      {ImagePayload{}, "image.data"},
      {ImagePayload{.data = std::string((8 << 20) + 1, 'x')}, "image.data"},
      {VideoPayload{.data = "x"}, "video"},
      {VectorPayload{}, "vector.values"},
      {VectorPayload{{1, kNan}}, "vector.values"},
      {VectorPayload{std::vector<float>(4097)}, "vector.values"},
  });
}

TEST(ValidateTest, RefusalsOfASeriesNameTheField) {
  ExpectPayloadRefused({
      {SeriesPayload{.values = {1}, .rate_hz = 1}, "series.values"},
      {SeriesPayload{.values = {1, 2, 3}, .channel_count = 2, .rate_hz = 1}, "series.values"},
      {SeriesPayload{.values = {1, kNan}, .rate_hz = 1}, "series.values"},
      {SeriesPayload{.values = std::vector<float>(65537), .rate_hz = 1}, "series.values"},
      {SeriesPayload{.values = std::vector<float>(514), .channel_count = 257, .rate_hz = 1},
       "series.channel_count"},
      {SeriesPayload{.values = {1, 2}}, "series.rate_hz"},
      {SeriesPayload{.values = {1, 2}, .rate_hz = -1}, "series.rate_hz"},
      {SeriesPayload{.values = {1, 2}, .rate_hz = kInfinity}, "series.rate_hz"},
      {SeriesPayload{.values = {1, 2}, .times_s = {0, 1, 2}}, "series.times_s"},
      {SeriesPayload{.values = {1, 2}, .times_s = {1, 1}}, "series.times_s"},
      {SeriesPayload{.values = {1, 2}, .times_s = {0, kInfinity}}, "series.times_s"},
      {SeriesPayload{.values = {1, 2}, .times_s = {std::nan(""), 1}}, "series.times_s"},
  });
}

TEST(ValidateTest, LimitsAreInclusive) {
  Event event = GoodEvent();
  event.event_id.assign(256, 'x');
  event.time = kNow + absl::Hours(24);
  event.duration = absl::Hours(24);
  event.percepts.assign(32, Of(VectorPayload{std::vector<float>(4096)}));
  event.percepts[0] = Of(TextPayload{std::string(64 << 10, 'x')});
  event.percepts[1] = Of(AudioPayload{.data = std::string(8 << 20, 'x')});
  event.metadata["k"].assign((64 << 10) - 1, 'x');
  const absl::Status status = ValidateEvent({}, kNow, event);
  EXPECT_TRUE(status.ok()) << status;
}

TEST(ValidateTest, AcceptsEveryLengthOfUtf8) {
  Percept percept = Of(TextPayload{"a\xC3\xA9\xE4\xB8\x89\xF0\x9F\x98\x80"});
  EXPECT_TRUE(ValidatePercept({}, percept).ok());
}

}  // namespace
}  // namespace mixmatch
