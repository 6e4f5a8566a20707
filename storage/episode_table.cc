// Episodes by id, ordinals of closing, scenes; one write for each run of the binder.
#include "storage/episode_table.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/episode_codec.h"
#include "storage/codec/event_codec.h"
#include "storage/database_impl.h"
#include "storage/episode_loader.h"
#include "storage/episode_table_internal.h"
#include "storage/index/space_store.h"
#include "storage/keys.h"
#include "storage/many_values.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"
#include "storage/settled_episodes.h"

namespace mixmatch {
namespace {

constexpr Family kBindingFamilies[] = {Family::kEpisodes, Family::kEpisodeOf, Family::kClosed,
                                       Family::kScenes};

absl::Status NoSuchEpisode(EpisodeId id) {
  return absl::NotFoundError(
      absl::StrCat("episode not found: no episode has id ", id, "; check the id"));
}

// The lowest number of an open episode; `next_seq` where none is open.
Seq FirstOpen(const absl::flat_hash_map<EpisodeId, size_t>& open, Seq next_seq) {
  Seq first = next_seq;
  for (const auto& [id, members] : open) first = std::min<Seq>(first, id);
  return first;
}

}  // namespace

class EpisodeTable::Impl {
 public:
  Impl(Database::Impl* database, const EventLog* event_log, size_t percepts_limit)
      : db(*database), log(*event_log), percepts_max(percepts_limit) {}

  absl::Status Load();
  absl::StatusOr<BinderState> ReadState() const;

  // Which modalities an episode holds: see ClosedEpisode. What cannot be read is left out.
  uint64_t ModalitiesOf(const Episode& episode) const;
  // Adds an episode to the batch; `known_members` of its members point to it already.
  void PutEpisode(const Episode& episode, size_t known_members, rocksdb::WriteBatch& batch) const;

  const Database::Impl& db;
  const EventLog& log;
  const size_t percepts_max;

  std::atomic<Seq> next_seq{1};
  std::atomic<uint64_t> closed_count{0};
  std::atomic<uint64_t> probe_count{0};
  std::atomic<uint64_t> open_count{0};

  // Events below this one are of closed episodes: an episode has the number of its first event.
  std::atomic<Seq> settled{1};
  SettledEpisodes settled_episodes;

  absl::Mutex apply_mu;  // held across the write: one thread at a time applies
  // Open episodes as stored, with their number of members: what has not changed is not written.
  absl::flat_hash_map<EpisodeId, size_t> stored_open ABSL_GUARDED_BY(apply_mu);
};

absl::Status EpisodeTable::Impl::Load() {
  absl::StatusOr<BinderState> state = ReadState();
  if (absl::IsDataLoss(state.status())) {
    // Derived state: the log has everything, and binding it again makes the same.
    MM_RETURN_IF_ERROR(ClearBinding(db));
    state = ReadState();
  }
  MM_RETURN_IF_ERROR(state.status());
  storage::v1::BindingRecord binding;
  absl::Status status = db.Get(Family::kMeta, keys::kBinding, binding);
  if (!status.ok() && !absl::IsNotFound(status)) return status;
  next_seq = std::max<Seq>(1, binding.next_seq());
  closed_count = binding.closed_count();
  probe_count = binding.probe_count();
  const absl::MutexLock lock(&apply_mu);
  for (const auto& [name, scene] : state->scenes) {
    for (const OpenEpisode& open : scene.open) {
      stored_open[open.episode.id] = open.episode.members.size();
    }
  }
  open_count = stored_open.size();
  settled = FirstOpen(stored_open, next_seq);
  return absl::OkStatus();
}

absl::StatusOr<BinderState> EpisodeTable::Impl::ReadState() const {
  BinderState state;
  storage::v1::BindingRecord binding;
  const absl::Status status = db.Get(Family::kMeta, keys::kBinding, binding);
  if (absl::IsNotFound(status)) return state;
  MM_RETURN_IF_ERROR(status);
  state.config = codec::DecodeBindingConfig(binding.config());
  const auto it = db.Iterate(Family::kScenes);
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    storage::v1::SceneRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("scenes", key, it->value().ToStringView(), record));
    SceneState& scene = state.scenes[std::string(key)] = codec::DecodeScene(record);
    for (OpenEpisode& open : scene.open) {
      storage::v1::EpisodeRecord episode;
      const std::string id = keys::Number(open.episode.id);
      const absl::Status read = db.Get(Family::kEpisodes, id, episode);
      if (absl::IsNotFound(read)) return codec::Damaged("episodes", id, "it is missing");
      MM_RETURN_IF_ERROR(read);
      open.episode = codec::DecodeEpisode(open.episode.id, episode);
    }
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "scenes not read"));
  return state;
}

absl::Status ClearBinding(const Database::Impl& db) {
  rocksdb::WriteBatch batch;
  for (const Family family : kBindingFamilies) db.Clear(family, batch);
  batch.Delete(db.handle(Family::kMeta), keys::kBinding).PermitUncheckedError();
  // Where events were forgotten since, binding gives others ids and ordinals: what is embedded
  // under the old ones goes in the same write.
  for (const auto& [name, family] : db.Named()) {
    MM_RETURN_IF_ERROR(SpaceStore(&db, name, family).RemoveEpisodes(batch));
  }
  return db.Write(batch, WriteMode::kSynced, "episodes not cleared");
}

uint64_t EpisodeTable::Impl::ModalitiesOf(const Episode& episode) const {
  constexpr ModalityId kLastBit = 63;
  uint64_t bits = 0;
  size_t count = 0;
  const std::vector<RegisteredModality> registered = log.Modalities();
  for (const EpisodeMember& member : episode.members) {
    if (count >= percepts_max) break;
    const absl::StatusOr<LoggedEvent> logged = log.Get(member.seq, Detail::kHeader);
    if (!logged.ok()) continue;
    for (const Percept& percept : logged->event.percepts) {
      if (count++ >= percepts_max) break;
      for (const RegisteredModality& modality : registered) {
        if (modality.spec.name == percept.modality) {
          bits |= uint64_t{1} << std::min<uint64_t>(modality.id, kLastBit);
        }
      }
    }
  }
  return bits;
}

void EpisodeTable::Impl::PutEpisode(const Episode& episode, size_t known_members,
                                    rocksdb::WriteBatch& batch) const {
  storage::v1::EpisodeRecord record;
  codec::EncodeEpisode(episode, record);
  db.Put(Family::kEpisodes, keys::Number(episode.id), record, batch);
  if (known_members == episode.members.size()) return;
  storage::v1::EpisodeOfRecord of;
  of.set_episode_id(episode.id);
  for (const EpisodeMember& member : episode.members) {
    db.Put(Family::kEpisodeOf, keys::Number(member.seq), of, batch);
  }
}

EpisodeTable::EpisodeTable(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EpisodeTable::~EpisodeTable() = default;

absl::StatusOr<std::unique_ptr<EpisodeTable>> EpisodeTable::Open(Database* database,
                                                                 const EventLog* log,
                                                                 size_t percepts_max) {
  auto impl = std::make_unique<Impl>(&database->impl(), log, percepts_max);
  MM_RETURN_IF_ERROR(impl->Load());
  return std::unique_ptr<EpisodeTable>(new EpisodeTable(std::move(impl)));
}

absl::StatusOr<BinderState> EpisodeTable::LoadBinder() const { return impl_->ReadState(); }

Seq EpisodeTable::next_seq() const { return impl_->next_seq; }

absl::Status EpisodeTable::Apply(const BindingDelta& delta, const BinderState& state,
                                 Seq next_seq) {
  Impl& table = *impl_;
  const absl::MutexLock lock(&table.apply_mu);
  rocksdb::WriteBatch batch;
  absl::flat_hash_map<EpisodeId, size_t> open_now = table.stored_open;
  const auto known_members = [&open_now](EpisodeId id) {
    const auto found = open_now.find(id);
    return found == open_now.end() ? 0 : found->second;
  };
  for (const EpisodeId id : delta.merged_away) {
    batch.Delete(table.db.handle(Family::kEpisodes), keys::Number(id)).PermitUncheckedError();
    open_now.erase(id);
  }
  uint64_t ordinal = table.closed_count;
  uint64_t probes = table.probe_count;
  for (const Episode& episode : delta.closed) {
    table.PutEpisode(episode, known_members(episode.id), batch);
    open_now.erase(episode.id);
    storage::v1::ClosedRecord closed;
    closed.set_episode_id(episode.id);
    closed.set_probe(episode.probe);
    closed.set_probe_draw(episode.probe_draw);
    closed.set_modalities(table.ModalitiesOf(episode));
    table.db.Put(Family::kClosed, keys::Number(ordinal++), closed, batch);
    probes += episode.probe ? 1 : 0;
  }
  for (const auto& [name, touched] : delta.touched_scenes) {
    const auto scene = state.scenes.find(name);
    if (!touched || scene == state.scenes.end()) continue;
    storage::v1::SceneRecord record;
    codec::EncodeScene(scene->second, record);
    table.db.Put(Family::kScenes, name, record, batch);
    for (const OpenEpisode& open : scene->second.open) {
      const size_t members = open.episode.members.size();
      if (known_members(open.episode.id) == members) continue;
      table.PutEpisode(open.episode, known_members(open.episode.id), batch);
      open_now[open.episode.id] = members;
    }
  }
  storage::v1::BindingRecord binding;
  binding.set_next_seq(next_seq);
  binding.set_closed_count(ordinal);
  binding.set_probe_count(probes);
  codec::EncodeBindingConfig(state.config, *binding.mutable_config());
  table.db.Put(Family::kMeta, keys::kBinding, binding, batch);
  MM_RETURN_IF_ERROR(table.db.Write(batch, WriteMode::kBuffered, "episodes not stored"));
  table.open_count = open_now.size();
  table.settled = FirstOpen(open_now, next_seq);
  table.stored_open = std::move(open_now);
  table.probe_count = probes;
  table.closed_count = ordinal;
  table.next_seq = next_seq;
  return absl::OkStatus();
}

absl::StatusOr<Episode> EpisodeTable::Get(EpisodeId id) const {
  storage::v1::EpisodeRecord record;
  const absl::Status status = impl_->db.Get(Family::kEpisodes, keys::Number(id), record);
  if (absl::IsNotFound(status)) return NoSuchEpisode(id);
  MM_RETURN_IF_ERROR(status);
  return codec::DecodeEpisode(id, record);
}

std::vector<absl::StatusOr<Episode>> EpisodeTable::GetHeaders(
    std::span<const EpisodeId> ids) const {
  std::vector<absl::StatusOr<Episode>> headers;
  headers.reserve(ids.size());
  std::vector<EpisodeId> unknown;
  std::vector<size_t> places;  // of those among the headers
  for (const EpisodeId id : ids) {
    std::optional<Episode> known = impl_->settled_episodes.Header(id);
    if (!known) {
      unknown.push_back(id);
      places.push_back(headers.size());
      headers.emplace_back(NoSuchEpisode(id));
    } else {
      headers.emplace_back(*std::move(known));
    }
  }
  if (unknown.empty()) return headers;
  const ManyValues values(impl_->db, Family::kEpisodes, keys::Numbers(unknown));
  storage::v1::EpisodeRecord record;
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (values.IsMissing(i)) continue;
    absl::StatusOr<Episode>& header = headers[places[i]];
    if (const absl::Status read = values.Read(i, record); !read.ok()) {
      header = read;
      continue;
    }
    record.clear_members();
    header = codec::DecodeEpisode(unknown[i], record);
  }
  return headers;
}

absl::StatusOr<bool> EpisodeTable::KeepSettled() const {
  return impl_->settled_episodes.ReadSome(impl_->db, impl_->settled);
}

absl::StatusOr<EpisodeId> EpisodeTable::EpisodeOf(Seq seq) const {
  if (const EpisodeId known = impl_->settled_episodes.Known(seq); known != 0) return known;
  storage::v1::EpisodeOfRecord record;
  const absl::Status status = impl_->db.Get(Family::kEpisodeOf, keys::Number(seq), record);
  if (absl::IsNotFound(status)) return 0;
  MM_RETURN_IF_ERROR(status);
  return record.episode_id();
}

absl::StatusOr<std::vector<EpisodeId>> EpisodeTable::EpisodesOf(std::span<const Seq> events) const {
  const Seq settled = impl_->settled;
  MM_ASSIGN_OR_RETURN(std::vector<EpisodeId> ids,
                      impl_->settled_episodes.Of(impl_->db, settled, events));
  for (const Seq seq : events) {
    if (seq < settled) continue;
    MM_ASSIGN_OR_RETURN(const EpisodeId id, EpisodeOf(seq));
    if (id != 0) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

uint64_t EpisodeTable::episode_count() const { return impl_->closed_count + impl_->open_count; }
uint64_t EpisodeTable::open_count() const { return impl_->open_count; }
uint64_t EpisodeTable::probe_count() const { return impl_->probe_count; }
uint64_t EpisodeTable::closed_count() const { return impl_->closed_count; }

absl::Status EpisodeTable::ListClosed(uint64_t first, uint64_t limit,
                                      std::vector<ClosedEpisode>& episodes) const {
  const uint64_t count = closed_count();
  if (first >= count || limit == 0) return absl::OkStatus();
  const std::string end = keys::Number(first + std::min(limit, count - first));
  const rocksdb::Slice upper(end);
  const auto it = impl_->db.Iterate(Family::kClosed, &upper);
  storage::v1::ClosedRecord record;
  for (it->Seek(keys::Number(first)); it->Valid(); it->Next()) {
    MM_RETURN_IF_ERROR(
        codec::Decode("closed", it->key().ToStringView(), it->value().ToStringView(), record));
    episodes.push_back({.id = record.episode_id(),
                        .probe = record.probe(),
                        .probe_draw = record.probe_draw(),
                        .modalities = record.modalities()});
  }
  return FromRocks(it->status(), "closed episodes not read");
}

absl::Status EpisodeTable::Load(std::span<const EpisodeId> ids,
                                std::vector<TrainingEpisode>& episodes) const {
  return LoadTrainingEpisodes(impl_->db, impl_->log, impl_->percepts_max, ids, episodes);
}

}  // namespace mixmatch
