// Binding: events that occur together, in time and in space, become episodes. Session windows by
// scene and event time, for events that come out of order.
//
// Takes log entries in sequence order; gives what changed to storage. A pure function of the
// entries and nothing else: no clock, no randomness; the same log always binds the same way.
//
// A scene's watermark is the latest event time seen in it less the allowed lateness.
// Invariants:
//   1. An event earlier than its scene's watermark gets a closed episode of its own, marked late.
//   2. Any other event joins the nearest open episode of its scene for which: its time lies within
//      `gap` of the episode's span, the span stays within `max_length`, and no member with a
//      position is farther away than `bind_radius`. An event that joins several this way merges
//      them when the union keeps to the same limits; the union keeps the smallest id.
//   3. An episode is closed once no event at or after the watermark could join it, or by an idle
//      record of its scene. A closed episode never changes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "core/base/event.h"
#include "core/base/ids.h"
#include "core/episodes/episode.h"

namespace mixmatch {

// Ground state: written to the log, in force from its sequence number on.
struct BindingConfig {
  absl::Duration gap = absl::Seconds(1);           // of silence that ends an episode; above 0
  absl::Duration max_length = absl::Seconds(30);   // between first and last event time
  absl::Duration lateness = absl::Seconds(1);      // how far out of order events may come
  double bind_radius = 0;                          // in the scene's units; 0 binds at any distance
  uint32_t events_max = 256;                       // of one episode
  double probe_share = 0.05;                       // of episodes held out, 0 to 0.5
  absl::Duration probe_block = absl::Seconds(10);  // neighbours in time are held out together
  uint64_t probe_salt = 0;

  friend bool operator==(const BindingConfig&, const BindingConfig&) = default;
};

// What binding needs to know of an event.
struct BindingEvent {
  std::string scene;
  absl::Time time;
  absl::Duration duration;
  std::optional<Position> position;
  uint32_t percept_count = 0;
};

// The scene fell silent by the daemon's clock: its open episodes end here.
struct IdleClose {
  std::string scene;
};

// One entry of the event log, as far as binding is concerned.
struct LogEntry {
  Seq seq = 0;
  std::variant<BindingEvent, IdleClose, BindingConfig> what;
};

// An episode that may still grow.
struct OpenEpisode {
  Episode episode;
  absl::Time last_time;             // latest event time of a member
  std::vector<Position> positions;  // distinct positions of members that have one
};

// Everything that is remembered of one scene.
struct SceneState {
  absl::Time max_time = absl::InfinitePast();  // latest event time seen
  std::vector<OpenEpisode> open;               // by id
};

// The whole state of a binder: what is stored with the cursor, and what a restart starts from.
struct BinderState {
  BindingConfig config;
  std::map<std::string, SceneState, std::less<>> scenes;
};

// What a run of entries changed, to be stored in one atomic write.
struct BindingDelta {
  std::vector<Episode> closed;                 // in the order of closing
  std::vector<EpisodeId> merged_away;          // ids that no longer exist
  std::map<std::string, bool> touched_scenes;  // whose state must be written again
  bool config_changed = false;
};

// Thread-safety: Not thread-safe: one owner thread.
class Binder {
 public:
  explicit Binder(BinderState state = {}) : state_(std::move(state)) {}

  // Takes the next entry in sequence order and adds what it changed to `delta`. Cost: proportional
  // to the scene's open episodes.
  void Add(const LogEntry& entry, BindingDelta& delta);

  const BinderState& state() const { return state_; }
  size_t open_count() const;
  // Id of the oldest open episode; nullopt when none is open.
  std::optional<EpisodeId> oldest_open() const;

 private:
  void AddEvent(Seq seq, const BindingEvent& event, BindingDelta& delta);
  void CloseBehindWatermark(SceneState& scene, BindingDelta& delta);
  void Close(Episode episode, BindingDelta& delta) const;

  BinderState state_;
};

// The draw of an episode of this scene and start time, uniform; one for each block of time.
uint32_t ProbeDraw(const BindingConfig& config, const std::string& scene, absl::Time start);
// Whether an episode with this draw is held out of training.
bool IsProbe(const BindingConfig& config, uint32_t draw);

}  // namespace mixmatch
