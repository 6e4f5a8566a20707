// Field by field, in the order of records.proto.
#include "storage/codec/episode_codec.h"

#include <utility>

#include "storage/codec/event_codec.h"

namespace mixmatch::codec {

void EncodeEpisode(const Episode& episode, storage::v1::EpisodeRecord& record) {
  record.set_scene(episode.scene);
  record.set_start_ns(ToNanos(episode.start));
  record.set_end_ns(ToNanos(episode.end));
  for (const EpisodeMember& member : episode.members) {
    storage::v1::EpisodeMemberRecord& entry = *record.add_members();
    entry.set_seq(member.seq);
    entry.set_time_ns(ToNanos(member.time));
    entry.set_percept_count(member.percept_count);
  }
  record.set_closed(episode.closed);
  record.set_late(episode.late);
  record.set_probe(episode.probe);
}

Episode DecodeEpisode(EpisodeId id, const storage::v1::EpisodeRecord& record) {
  Episode episode{.id = id,
                  .scene = record.scene(),
                  .start = FromNanos(record.start_ns()),
                  .end = FromNanos(record.end_ns()),
                  .members = {},
                  .closed = record.closed(),
                  .late = record.late(),
                  .probe = record.probe()};
  episode.members.reserve(static_cast<size_t>(record.members_size()));
  for (const auto& member : record.members()) {
    episode.members.push_back({.seq = member.seq(),
                               .time = FromNanos(member.time_ns()),
                               .percept_count = member.percept_count()});
  }
  return episode;
}

void EncodeScene(const SceneState& scene, storage::v1::SceneRecord& record) {
  if (scene.max_time != absl::InfinitePast()) record.set_max_time_ns(ToNanos(scene.max_time));
  for (const OpenEpisode& open : scene.open) {
    storage::v1::OpenEpisodeRecord& entry = *record.add_open();
    entry.set_episode_id(open.episode.id);
    entry.set_last_time_ns(ToNanos(open.last_time));
    for (const Position& position : open.positions) {
      storage::v1::PositionRecord& place = *entry.add_positions();
      place.set_x(position.x);
      place.set_y(position.y);
      place.set_z(position.z);
    }
  }
}

SceneState DecodeScene(const storage::v1::SceneRecord& record) {
  SceneState scene;
  if (record.has_max_time_ns()) scene.max_time = FromNanos(record.max_time_ns());
  for (const auto& entry : record.open()) {
    OpenEpisode open;
    open.episode.id = entry.episode_id();
    open.last_time = FromNanos(entry.last_time_ns());
    for (const auto& place : entry.positions()) {
      open.positions.push_back({place.x(), place.y(), place.z()});
    }
    scene.open.push_back(std::move(open));
  }
  return scene;
}

}  // namespace mixmatch::codec
