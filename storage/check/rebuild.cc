// What is taken out is taken out by range; what is made is written in batches.
#include "storage/check/rebuild.h"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/database_impl.h"
#include "storage/episode_table_internal.h"
#include "storage/event_reader.h"
#include "storage/keys.h"
#include "storage/modality_registry.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"
#include "storage/secondary_keys.h"

namespace mixmatch {
namespace {

constexpr uint64_t kBatchEvents = 1024;
constexpr size_t kBatchBytes = 4 << 20;

// Hands every event of the log to `take`.
template <typename Take>
absl::Status EachEvent(const Database::Impl& db, const FsckProgress& progress, Take take) {
  const auto it = db.Iterate(Family::kLog);
  uint64_t done = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) {
    const std::string_view key = it->key().ToStringView();
    storage::v1::LogRecord record;
    MM_RETURN_IF_ERROR(codec::Decode("log", key, it->value().ToStringView(), record));
    if (++done % kBatchEvents == 0) progress("log", done);
    if (!record.has_event()) continue;
    Event event;
    const absl::Status status = codec::DecodeHeader(record.event(), event);
    if (!status.ok()) return codec::Damaged("log", key, std::string(status.message()));
    MM_RETURN_IF_ERROR(take(keys::LastNumber(key), event));
  }
  return FromRocks(it->status(), "log not read");
}

absl::Status RebuildKeys(const Database::Impl& db, const FsckProgress& progress) {
  ModalityRegistry registry;
  MM_RETURN_IF_ERROR(registry.Load(db));
  const std::shared_ptr<const ModalityTable> modalities = registry.table();
  const auto ids_of = [&modalities](const Event& event) -> absl::StatusOr<std::set<ModalityId>> {
    std::set<ModalityId> ids;
    for (const Percept& percept : event.percepts) {
      const auto known = modalities->by_name.find(percept.modality);
      if (known == modalities->by_name.end()) {
        return absl::DataLossError(absl::StrCat("keys not rebuilt: modality '", percept.modality,
                                                "' is not registered; restore a snapshot"));
      }
      ids.insert(known->second.id);
    }
    return ids;
  };
  // Once to see that all of it can be read, once to write.
  MM_RETURN_IF_ERROR(
      EachEvent(db, progress, [&](Seq, const Event& event) { return ids_of(event).status(); }));
  rocksdb::WriteBatch batch;
  for (const Family family : kSecondaryFamilies) db.Clear(family, batch);
  // From here on, until all of them are there, whoever opens the log begins again.
  db.Put(Family::kMeta, keys::kRebuildKeys, storage::v1::SettingRecord(), batch);
  MM_RETURN_IF_ERROR(db.Write(batch, WriteMode::kSynced, "keys not cleared"));
  batch.Clear();
  storage::v1::CountersRecord counters;
  const absl::Status written =
      EachEvent(db, progress, [&](Seq seq, const Event& event) -> absl::Status {
        MM_ASSIGN_OR_RETURN(const std::set<ModalityId> ids, ids_of(event));
        for (const auto& [family, key] : SecondaryKeysOf(seq, event, ids)) {
          batch.Put(db.handle(family), key, "").PermitUncheckedError();
        }
        counters.set_event_count(counters.event_count() + 1);
        if (counters.event_count() % kBatchEvents != 0) return absl::OkStatus();
        MM_RETURN_IF_ERROR(db.Write(batch, WriteMode::kBuffered, "keys not stored"));
        batch.Clear();
        return absl::OkStatus();
      });
  MM_RETURN_IF_ERROR(written);
  db.Put(Family::kMeta, keys::kCounters, counters, batch);
  batch.Delete(db.handle(Family::kMeta), keys::kRebuildKeys).PermitUncheckedError();
  return db.Write(batch, WriteMode::kSynced, "keys not stored");
}

absl::Status RebuildFeatures(const Database::Impl& db, const MakeFeatures& make_features,
                             const FsckProgress& progress) {
  ModalityRegistry registry;
  MM_RETURN_IF_ERROR(registry.Load(db));
  const std::shared_ptr<const ModalityTable> modalities = registry.table();
  const EventReader reader(db);
  rocksdb::WriteBatch batch;
  const absl::Status made =
      EachEvent(db, progress, [&](Seq seq, const Event& header) -> absl::Status {
        storage::v1::LogRecord record;
        MM_RETURN_IF_ERROR(db.Get(Family::kLog, keys::Number(seq), record));
        MM_ASSIGN_OR_RETURN(const LoggedEvent whole, reader.ReadEvent(seq, record, Detail::kFull));
        for (size_t i = 0; i < header.percepts.size(); ++i) {
          const Percept& percept = whole.event.percepts[i];
          if (percept.dropped) continue;  // its features are all that is left of it
          const auto known = modalities->by_name.find(percept.modality);
          if (known == modalities->by_name.end()) {
            return absl::DataLossError(absl::StrCat("features not rebuilt: modality '",
                                                    percept.modality,
                                                    "' is not registered; restore a snapshot"));
          }
          MM_ASSIGN_OR_RETURN(Features features, make_features(percept));
          MM_RETURN_IF_ERROR(codec::CheckFeatures(features));
          storage::v1::FeaturesRecord stored;
          codec::EncodeFeatures(known->second.id, std::move(features), stored);
          db.Put(Family::kFeatures, keys::FeaturesOf(seq, static_cast<uint32_t>(i)), stored, batch);
        }
        if (batch.GetDataSize() < kBatchBytes) return absl::OkStatus();
        MM_RETURN_IF_ERROR(db.Write(batch, WriteMode::kBuffered, "features not stored"));
        batch.Clear();
        return absl::OkStatus();
      });
  MM_RETURN_IF_ERROR(made);
  return db.Write(batch, WriteMode::kSynced, "features not stored");
}

absl::Status ClearLists(const Database::Impl& db) {
  rocksdb::WriteBatch batch;
  const std::map<std::string, FamilyHandle> spaces = db.Named();
  for (const auto& [name, handle] : spaces) {
    batch.DeleteRange(handle.get(), "m", "n").PermitUncheckedError();  // manifests
    batch.DeleteRange(handle.get(), "g", "h").PermitUncheckedError();  // chunks
  }
  return db.Write(batch, WriteMode::kSynced, "lists not taken out");
}

}  // namespace

absl::StatusOr<RebuildWhat> ParseRebuildWhat(std::string_view name) {
  if (name == "keys") return RebuildWhat::kKeys;
  if (name == "features") return RebuildWhat::kFeatures;
  if (name == "episodes") return RebuildWhat::kEpisodes;
  if (name == "embeddings") return RebuildWhat::kEmbeddings;
  if (name == "index") return RebuildWhat::kIndex;
  return absl::InvalidArgumentError(
      absl::StrCat("nothing is rebuilt that is called '", std::string(name),
                   "'; give keys, features, episodes, embeddings or index"));
}

absl::Status Rebuild(Database* database, RebuildWhat what, const MakeFeatures& make_features,
                     const FsckProgress& progress) {
  Database::Impl& db = database->impl();
  switch (what) {
    case RebuildWhat::kKeys:
      return RebuildKeys(db, progress);
    case RebuildWhat::kFeatures:
      return RebuildFeatures(db, make_features, progress);
    case RebuildWhat::kEpisodes:
      return ClearBinding(db);
    case RebuildWhat::kEmbeddings:
      for (const auto& [name, handle] : db.Named()) MM_RETURN_IF_ERROR(db.DropNamed(name));
      return absl::OkStatus();
    case RebuildWhat::kIndex:
      return ClearLists(db);
  }
  return absl::InternalError("nothing is rebuilt");
}

absl::Status FinishRebuild(Database* database, const FsckProgress& progress) {
  const Database::Impl& db = database->impl();
  storage::v1::SettingRecord begun;
  const absl::Status read = db.Get(Family::kMeta, keys::kRebuildKeys, begun);
  if (absl::IsNotFound(read)) return absl::OkStatus();
  if (!read.ok() && !absl::IsDataLoss(read)) return read;  // a damaged one was written, too
  const absl::Status finished = RebuildKeys(db, progress);
  if (finished.ok()) return finished;
  return absl::Status(finished.code(), absl::StrCat("keys not made anew after that was cut off: ",
                                                    finished.message()));
}

}  // namespace mixmatch
