// Hashes of content, which are part of the disk format: equal for equal content, different for
// every difference, and the same for ever.
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "core/base/event.h"
#include "core/base/hash.h"

namespace mixmatch {
namespace {

Event SomeEvent() {
  Event event;
  event.event_id = "e-1";
  event.time = absl::FromUnixNanos(1'700'000'000'123'456'789);
  event.duration = absl::Milliseconds(250);
  event.source = "camera";
  event.scene = "kitchen";
  event.position = Position{1, 2, 3};
  event.percepts = {
      {.modality = "text", .payload = TextPayload{"three"}},
      {.modality = "image", .payload = ImagePayload{.data = "abc", .media_type = "image/png"}},
      {.modality = "imu", .payload = SeriesPayload{.values = {1, 2, 3, 4}, .rate_hz = 50}}};
  event.metadata = {{"digit", "3"}, {"speaker", "theo"}};
  return event;
}

TEST(ContentHashTest, EqualEventsHaveEqualHashes) {
  EXPECT_EQ(HashEvent(SomeEvent()), HashEvent(SomeEvent()));
}

TEST(ContentHashTest, EveryDifferenceOfAnEventChangesItsHash) {
  const std::vector<std::function<void(Event&)>> changes = {
      [](Event&) {},
      [](Event& e) { e.event_id = "e-2"; },
      [](Event& e) { e.time += absl::Nanoseconds(1); },
      [](Event& e) { e.duration += absl::Nanoseconds(1); },
      [](Event& e) { e.source = "microphone"; },
      [](Event& e) { e.scene = ""; },
      [](Event& e) { e.position.reset(); },
      [](Event& e) { e.position->z = 4; },
      [](Event& e) { e.percepts.pop_back(); },
      [](Event& e) { std::swap(e.percepts[0], e.percepts[1]); },
      [](Event& e) { e.percepts[0].modality = "label"; },
      [](Event& e) { std::get<TextPayload>(e.percepts[0].payload).text = "tree"; },
      [](Event& e) { std::get<ImagePayload>(e.percepts[1].payload).data = "abd"; },
      [](Event& e) { std::get<ImagePayload>(e.percepts[1].payload).media_type = ""; },
      [](Event& e) { std::get<SeriesPayload>(e.percepts[2].payload).values[3] = 5; },
      [](Event& e) { std::get<SeriesPayload>(e.percepts[2].payload).channel_count = 2; },
      [](Event& e) {
        std::get<SeriesPayload>(e.percepts[2].payload).times_s = {0, 1, 2, 3};
      },
      [](Event& e) { e.metadata["digit"] = "4"; },
      [](Event& e) { e.metadata.erase("speaker"); },
  };
  std::set<ContentHash> hashes;
  for (size_t i = 0; i < changes.size(); ++i) {
    Event event = SomeEvent();
    changes[i](event);
    EXPECT_TRUE(hashes.insert(HashEvent(event)).second) << "change " << i;
  }
}

TEST(ContentHashTest, BordersBetweenFieldsAreHashed) {
  Event a = SomeEvent();
  Event b = SomeEvent();
  a.source = "ab";
  a.scene = "c";
  b.source = "a";
  b.scene = "bc";
  EXPECT_NE(HashEvent(a), HashEvent(b));
}

TEST(ContentHashTest, PerceptHashIgnoresTheEvent) {
  Event other = SomeEvent();
  other.event_id = "e-2";
  other.time += absl::Hours(1);
  EXPECT_EQ(HashPercept(SomeEvent().percepts[1]), HashPercept(other.percepts[1]));
  EXPECT_NE(HashPercept(other.percepts[0]), HashPercept(other.percepts[1]));
}

TEST(ContentHashTest, SamePayloadOfAnotherModalityIsOtherContent) {
  const Percept left{.modality = "left", .payload = VectorPayload{{1, 2}}};
  const Percept right{.modality = "right", .payload = VectorPayload{{1, 2}}};
  EXPECT_NE(HashPercept(left), HashPercept(right));
}

// Golden: stored databases hold these values.
TEST(ContentHashTest, ContentHashesNeverChange) {
  const ContentHash event = HashEvent(SomeEvent());
  EXPECT_EQ(event.high, 0xb32b7dc0fd3b1e18ULL);
  EXPECT_EQ(event.low, 0xcde2f9692e5d3c38ULL);
  const ContentHash percept = HashPercept(SomeEvent().percepts[0]);
  EXPECT_EQ(percept.high, 0x217bfbb05cfb1512ULL);
  EXPECT_EQ(percept.low, 0x094785a0557542d9ULL);
}

}  // namespace
}  // namespace mixmatch
