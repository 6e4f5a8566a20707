// The memory that the golden files hold: something of everything that is stored.
//
// It never changes: files of a format are read for as long as the program says that it reads them.
// A new format gets a folder of its own beside the old ones.
#pragma once

#include <string>
#include <vector>

#include "core/generations/generation_store.h"
#include "space_testing.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"
#include "storage/generation_table.h"
#include "storage/graph_table.h"
#include "storage/skill_table.h"
#include "storage_testing.h"

namespace mixmatch::testing::golden {

inline constexpr size_t kEmbedded = 150;  // events of the space, which has two percepts of each
inline const IndexOptions kIndex = {.seal_at = 128, .lists_from = 128};

// Of every kind of payload, small and large, with and without everything that an event may have.
inline std::vector<PendingEvent> Events() {
  std::vector<PendingEvent> events;
  const auto add = [&events](double seconds, std::vector<Percept> percepts) -> Event& {
    return events
        .emplace_back(MakePending(events.size() % 2 == 0 ? "eye" : "ear",
                                  "event " + std::to_string(events.size()), seconds,
                                  std::move(percepts)))
        .event;
  };
  add(1, {TextPercept("a short text")});
  Event& rich = add(1.25, {TextPercept(std::string(3000, 'l')), ImagePercept("png bytes")});
  rich.scene = "kitchen";
  rich.position = Position{1.5, -2.25, 0.125};
  rich.duration = absl::Milliseconds(750);
  rich.metadata = {{"letter", "x"}, {"", "empty key"}, {"binary", std::string("\0\xff", 2)}};
  add(2, {{.modality = "sound",
           .payload = AudioPayload{.data = std::string(600, '\1'),
                                   .media_type = "audio/raw",
                                   .sample_rate_hz = 8000,
                                   .channel_count = 2}}});
  add(2.5, {{.modality = "imu",
             .payload =
                 SeriesPayload{
                     .values = {1, 2, 3, 4, 5, 6}, .channel_count = 2, .times_s = {0, 0.5, 0.75}}},
            VectorPercept({0.5F, -1, 2}, "pose")});
  add(60, {VectorPercept({3, 4, 5}, "pose"), TextPercept("later", "word")}).scene = "kitchen";
  add(200, {TextPercept("last")});
  return events;
}

inline GenerationRecord Generation() {
  return {.number = 3,
          .state = GenerationState::kServing,
          .create_time = At(300),
          .trigger = "growth",
          .reason = "it passed",
          .steps = 12,
          .taken = 34,
          .learned = 56,
          .scores = {{"image -> audio", 0.75, 0.5, 99}},
          .publish_time = absl::Seconds(7),
          .weights_hash = 0x0123456789abcdef,
          .periods = {{0, 128, 0.75, 5}}};
}

inline std::string Weights() {
  std::string bytes;
  for (int i = 0; i < 300; ++i) bytes += static_cast<char>(i * 7);
  return bytes;
}

inline SkillSpec Skill() {
  return {.id = 1,
          .name = "letters",
          .kind = SkillKind::kLabels,
          .modalities = {"image", "pose"},
          .map = FeatureMapKind::kRandom,
          .create_time = At(400)};
}

inline std::vector<Teaching> Teachings() {
  FreshPercept fresh;
  fresh.percept = VectorPercept({1, 2, 3}, "pose");
  fresh.features = FeaturesFor(fresh.percept);
  Teaching without_event{.lesson = {.labels = {"x"}, .number = 2.5}};
  without_event.fresh = {fresh};
  without_event.example = FreshExampleId(without_event.fresh);
  return {{.example = 2, .lesson = {.labels = {"x", "y"}, .number = -1}}, without_event};
}

inline ConceptSet::Parts Concepts() {
  ConceptSet::Parts parts{.dimension = 2, .next_id = 8};
  Concept& made = parts.concepts.emplace_back();
  made.id = 3;
  made.centre = {0.6F, 0.8F};
  made.floor = 0.25;
  made.members = {ItemId::ForPercept(2, 1), ItemId::ForPercept(5, 0)};
  parts.redirects[1] = 3;
  parts.means[2] = {0.1F, -0.1F};
  return parts;
}

// Writes all of it to a new database.
void Write(const std::string& path);

}  // namespace mixmatch::testing::golden
