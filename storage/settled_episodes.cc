// What is behind the known end is read in the order of the keys, and shown when it is whole.
#include "storage/settled_episodes.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

constexpr Seq kReadAtOnce = 16384;  // events; who follows the log has other work, too
// Names of scenes that are kept; episodes of others are read when they are asked for.
constexpr size_t kScenesMax = 4096;

}  // namespace

Seq SettledEpisodes::first_unknown() const {
  const absl::ReaderMutexLock lock(&mu_);
  return places_.size() + 1;
}

absl::Status SettledEpisodes::ReadUpTo(const Database::Impl& database, Seq end) {
  if (first_unknown() >= end) return absl::OkStatus();
  const absl::MutexLock reading(&reading_mu_);
  const Seq first = first_unknown();
  if (first >= end) return absl::OkStatus();
  Fresh fresh;
  fresh.of_events.resize(end - first);
  const std::string begin_key = keys::Number(first);
  const std::string end_key = keys::Number(end);
  const rocksdb::Slice upper(end_key);
  const auto of = database.Iterate(Family::kEpisodeOf, &upper);
  for (of->Seek(begin_key); of->Valid(); of->Next()) {
    storage::v1::EpisodeOfRecord record;
    const std::string_view key = of->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("episode_of", key, of->value().ToStringView(), record));
    fresh.of_events[keys::LastNumber(key) - first] = record.episode_id();
  }
  MM_RETURN_IF_ERROR(FromRocks(of->status(), "episodes of events not read"));

  // An episode that is damaged is known by its id alone: the error shows where it is read.
  const auto it = database.Iterate(Family::kEpisodes, &upper);
  for (it->Seek(begin_key); it->Valid(); it->Next()) {
    storage::v1::EpisodeRecord record;
    const std::string_view key = it->key().ToStringView();
    if (!codec::Decode("episodes", key, it->value().ToStringView(), record).ok()) continue;
    if (fresh.names.empty() || fresh.names.back() != record.scene()) {
      fresh.names.push_back(record.scene());
    }
    fresh.episodes.push_back({.id = keys::LastNumber(key),
                              .start_ns = record.start_ns(),
                              .end_ns = record.end_ns(),
                              .scene = static_cast<uint32_t>(fresh.names.size() - 1),
                              .late = record.late(),
                              .probe = record.probe(),
                              .is_read = record.closed()});
  }
  Show(std::move(fresh));
  return absl::OkStatus();
}

void SettledEpisodes::Show(Fresh fresh) {
  const absl::MutexLock lock(&mu_);
  absl::flat_hash_map<EpisodeId, uint32_t> places;  // of what is new
  std::vector<std::optional<uint32_t>> scenes;
  scenes.reserve(fresh.names.size());
  for (const std::string& name : fresh.names) scenes.push_back(SceneOf(name));
  for (Settled& episode : fresh.episodes) {
    const std::optional<uint32_t> scene = scenes[episode.scene];
    episode.is_read = episode.is_read && scene.has_value();
    episode.scene = scene.value_or(0);
    episodes_.push_back(episode);
    places[episode.id] = static_cast<uint32_t>(episodes_.size());
  }
  const size_t known = places_.size();
  for (const EpisodeId id : fresh.of_events) {
    uint32_t place = 0;
    if (id >= 1 && id <= known) place = places_[id - 1];
    if (id != 0 && (place == 0 || episodes_[place - 1].id != id)) {
      uint32_t& fresh_place = places[id];
      if (fresh_place == 0) {
        // Damaged, or its first event was forgotten and it was not met before.
        episodes_.push_back({.id = id});
        fresh_place = static_cast<uint32_t>(episodes_.size());
      }
      place = fresh_place;
    }
    places_.push_back(place);
  }
}

std::optional<uint32_t> SettledEpisodes::SceneOf(const std::string& name) {
  const auto found = scene_numbers_.find(name);
  if (found != scene_numbers_.end()) return found->second;
  if (scenes_.size() >= kScenesMax) return std::nullopt;
  scenes_.push_back(name);
  const auto number = static_cast<uint32_t>(scenes_.size() - 1);
  scene_numbers_[name] = number;
  return number;
}

EpisodeId SettledEpisodes::Known(Seq seq) const {
  const absl::ReaderMutexLock lock(&mu_);
  if (seq < 1 || seq > places_.size()) return 0;
  const uint32_t place = places_[seq - 1];
  return place == 0 ? 0 : episodes_[place - 1].id;
}

std::optional<Episode> SettledEpisodes::Header(EpisodeId id) const {
  const absl::ReaderMutexLock lock(&mu_);
  // An episode has the number of its first event.
  if (id < 1 || id > places_.size() || places_[id - 1] == 0) return std::nullopt;
  const Settled& settled = episodes_[places_[id - 1] - 1];
  if (settled.id != id || !settled.is_read) return std::nullopt;
  return Episode{.id = id,
                 .scene = scenes_[settled.scene],
                 .start = codec::FromNanos(settled.start_ns),
                 .end = codec::FromNanos(settled.end_ns),
                 .closed = true,
                 .late = settled.late,
                 .probe = settled.probe};
}

absl::StatusOr<bool> SettledEpisodes::ReadSome(const Database::Impl& database, Seq settled) {
  const Seq end = std::min<Seq>(settled, first_unknown() + kReadAtOnce);
  MM_RETURN_IF_ERROR(ReadUpTo(database, end));
  return end < settled;
}

absl::StatusOr<std::vector<EpisodeId>> SettledEpisodes::Of(const Database::Impl& database,
                                                           Seq settled,
                                                           std::span<const Seq> events) {
  MM_RETURN_IF_ERROR(ReadUpTo(database, settled));
  std::vector<EpisodeId> ids;
  const absl::ReaderMutexLock lock(&mu_);
  for (const Seq seq : events) {
    if (seq < 1 || seq >= settled || places_[seq - 1] == 0) continue;
    ids.push_back(episodes_[places_[seq - 1] - 1].id);
  }
  return ids;
}

}  // namespace mixmatch
