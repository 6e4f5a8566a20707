// Session windows with joining and merging.
#include "core/episodes/binder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/hash.h"

namespace mixmatch {
namespace {

absl::Duration Distance(absl::Time t, const OpenEpisode& open) {
  if (t < open.episode.start) return open.episode.start - t;
  if (t > open.episode.end) return t - open.episode.end;
  return absl::ZeroDuration();
}

bool Near(const BindingConfig& config, const std::vector<Position>& a,
          const std::vector<Position>& b) {
  if (config.bind_radius <= 0) return true;
  for (const Position& p : a) {
    for (const Position& q : b) {
      if (std::hypot(p.x - q.x, p.y - q.y, p.z - q.z) > config.bind_radius) return false;
    }
  }
  return true;
}

void AddPosition(std::vector<Position>& positions, const Position& position) {
  const bool known =
      std::any_of(positions.begin(), positions.end(), [&position](const Position& p) {
        return p.x == position.x && p.y == position.y && p.z == position.z;
      });
  if (!known) positions.push_back(position);
}

OpenEpisode StartEpisode(Seq seq, const BindingEvent& event) {
  OpenEpisode open;
  open.episode.id = seq;
  open.episode.scene = event.scene;
  open.episode.start = event.time;
  open.episode.end = event.time + event.duration;
  open.episode.members.push_back(
      {.seq = seq, .time = event.time, .percept_count = event.percept_count});
  open.last_time = event.time;
  if (event.position) open.positions.push_back(*event.position);
  return open;
}

// Whether the union of two keeps to the limits on length, size and place.
bool CanUnite(const BindingConfig& config, const OpenEpisode& a, const OpenEpisode& b) {
  const absl::Duration length =
      std::max(a.last_time, b.last_time) - std::min(a.episode.start, b.episode.start);
  return length <= config.max_length &&
         a.episode.members.size() + b.episode.members.size() <= config.events_max &&
         Near(config, a.positions, b.positions);
}

// Moves everything of `from` into `into`, whose id must be the smaller one.
void Unite(OpenEpisode from, OpenEpisode& into) {
  Episode& episode = into.episode;
  episode.start = std::min(episode.start, from.episode.start);
  episode.end = std::max(episode.end, from.episode.end);
  into.last_time = std::max(into.last_time, from.last_time);
  episode.members.insert(episode.members.end(), from.episode.members.begin(),
                         from.episode.members.end());
  std::sort(episode.members.begin(), episode.members.end(),
            [](const EpisodeMember& a, const EpisodeMember& b) { return a.seq < b.seq; });
  for (const Position& position : from.positions) AddPosition(into.positions, position);
}

}  // namespace

uint32_t ProbeDraw(const BindingConfig& config, const std::string& scene, absl::Time start) {
  const int64_t block =
      absl::ToUnixNanos(start) / std::max<int64_t>(1, absl::ToInt64Nanoseconds(config.probe_block));
  const uint64_t hash =
      StableMix64(StableHash64(scene, config.probe_salt), static_cast<uint64_t>(block));
  return static_cast<uint32_t>(hash >> 32);
}

bool IsProbe(const BindingConfig& config, uint32_t draw) {
  return static_cast<double>(draw) * 0x1p-32 < config.probe_share;
}

void Binder::Add(const LogEntry& entry, BindingDelta& delta) {
  if (const auto* event = std::get_if<BindingEvent>(&entry.what)) {
    AddEvent(entry.seq, *event, delta);
  } else if (const auto* idle = std::get_if<IdleClose>(&entry.what)) {
    const auto scene = state_.scenes.find(idle->scene);
    if (scene == state_.scenes.end()) return;
    for (OpenEpisode& open : std::exchange(scene->second.open, {})) {
      Close(std::move(open.episode), delta);
    }
    delta.touched_scenes[idle->scene] = true;
  } else {
    state_.config = std::get<BindingConfig>(entry.what);
    delta.config_changed = true;
  }
}

void Binder::AddEvent(Seq seq, const BindingEvent& event, BindingDelta& delta) {
  SceneState& scene = state_.scenes[event.scene];
  delta.touched_scenes[event.scene] = true;
  OpenEpisode added = StartEpisode(seq, event);
  if (event.time < scene.max_time - state_.config.lateness) {
    added.episode.late = true;
    Close(std::move(added.episode), delta);
    return;
  }
  // Candidates that the event could join, the nearest in time first; ties by the smaller id, which
  // the stable sort keeps from the order of `open`.
  std::vector<size_t> candidates;
  for (size_t i = 0; i < scene.open.size(); ++i) {
    if (Distance(event.time, scene.open[i]) <= state_.config.gap &&
        CanUnite(state_.config, scene.open[i], added)) {
      candidates.push_back(i);
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(), [&](size_t a, size_t b) {
    return Distance(event.time, scene.open[a]) < Distance(event.time, scene.open[b]);
  });
  std::vector<size_t> united;
  for (const size_t i : candidates) {
    OpenEpisode& open = scene.open[i];
    if (!CanUnite(state_.config, open, added)) continue;
    if (open.episode.id < added.episode.id) std::swap(open, added);
    if (open.episode.id != seq) delta.merged_away.push_back(open.episode.id);
    Unite(std::move(open), added);
    united.push_back(i);
  }
  std::sort(united.rbegin(), united.rend());
  for (const size_t i : united) scene.open.erase(scene.open.begin() + static_cast<ptrdiff_t>(i));
  const auto place =
      std::lower_bound(scene.open.begin(), scene.open.end(), added.episode.id,
                       [](const OpenEpisode& open, EpisodeId id) { return open.episode.id < id; });
  scene.open.insert(place, std::move(added));
  scene.max_time = std::max(scene.max_time, event.time);
  CloseBehindWatermark(scene, delta);
}

void Binder::CloseBehindWatermark(SceneState& scene, BindingDelta& delta) {
  const absl::Time watermark = scene.max_time - state_.config.lateness;
  std::vector<OpenEpisode> still_open;
  for (OpenEpisode& open : scene.open) {
    const bool out_of_reach = open.episode.end + state_.config.gap < watermark ||
                              open.episode.start + state_.config.max_length < watermark;
    if (out_of_reach) {
      Close(std::move(open.episode), delta);
    } else {
      still_open.push_back(std::move(open));
    }
  }
  scene.open = std::move(still_open);
}

void Binder::Close(Episode episode, BindingDelta& delta) const {
  episode.closed = true;
  episode.probe_draw = ProbeDraw(state_.config, episode.scene, episode.start);
  episode.probe = IsProbe(state_.config, episode.probe_draw);
  delta.closed.push_back(std::move(episode));
}

size_t Binder::open_count() const {
  size_t count = 0;
  for (const auto& [name, scene] : state_.scenes) count += scene.open.size();
  return count;
}

std::optional<EpisodeId> Binder::oldest_open() const {
  std::optional<EpisodeId> oldest;
  for (const auto& [name, scene] : state_.scenes) {
    for (const OpenEpisode& open : scene.open) {
      oldest = std::min(oldest.value_or(open.episode.id), open.episode.id);
    }
  }
  return oldest;
}

}  // namespace mixmatch
