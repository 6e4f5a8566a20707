// The copy is opened as leniently as RocksDB can; every value is then held against its own
// checksum.
#include "storage/check/salvage.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/current_file.h"
#include "storage/database_impl.h"
#include "storage/database_options.h"
#include "storage/event_reader.h"
#include "storage/high_water_mark.h"
#include "storage/keys.h"
#include "storage/log_chain.h"
#include "storage/modality_registry.h"
#include "storage/records.pb.h"
#include "storage/rocks_logger.h"
#include "storage/rocks_status.h"
#include "storage/secondary_keys.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBatchEvents = 256;
constexpr uint64_t kBatchValues = 64;

// Families that are copied value by value. Of meta, what binding and counting wrote is left out.
constexpr Family kCopied[] = {Family::kMeta,   Family::kGenerations, Family::kWeights,
                              Family::kSkills, Family::kTeachings,   Family::kGraph};

std::string Text(const absl::Status& status) { return std::string(status.message()); }

class Salvager {
 public:
  Salvager(const Database::Impl& from, const Database::Impl& to, const MakeFeatures& make_features,
           const FsckProgress& progress, FsckReport& report)
      : from_(from),
        to_(to),
        make_features_(make_features),
        progress_(progress),
        report_(report),
        reader_(from) {}

  absl::Status Run(Seq last_of_mark) {
    for (const Family family : kCopied) MM_RETURN_IF_ERROR(CopyFamily(family));
    MM_RETURN_IF_ERROR(registry_.Load(to_));
    const Seq last = std::max(last_of_mark, LastEntry());
    for (Seq seq = 1; seq <= last; ++seq) {
      MM_RETURN_IF_ERROR(CopyEntry(seq));
      if (seq % kBatchEvents == 0) {
        progress_("log", seq);
        MM_RETURN_IF_ERROR(Flush(WriteMode::kBuffered));
      }
    }
    EndLoss(last);
    MM_RETURN_IF_ERROR(CopyForgotten());
    storage::v1::CountersRecord counters;
    counters.set_event_count(report_.events);
    to_.Put(Family::kMeta, keys::kCounters, counters, batch_);
    return Flush(WriteMode::kSynced);
  }

 private:
  absl::Status Flush(WriteMode mode) {
    MM_RETURN_IF_ERROR(to_.Write(batch_, mode, "salvaged values not stored"));
    batch_.Clear();
    return absl::OkStatus();
  }

  void Lose(Family family, std::string_view key, std::string what) {
    report_.Add({.family = std::string(FamilyName(family)),
                 .key = keys::Hex(key),
                 .ground = family != Family::kGraph,
                 .what = std::move(what)});
  }

  absl::Status CopyFamily(Family family) {
    const auto it = from_.Iterate(family);
    uint64_t done = 0;
    std::string last;  // from the front; nothing where it was read to its end
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      MM_RETURN_IF_ERROR(CopyValue(family, *it, done));
      last = std::string(it->key().ToStringView());
    }
    if (!it->status().ok()) {
      Lose(family, "", absl::StrCat("not read to its end: ", it->status().ToString()));
      // What is behind the damage, from the back.
      const auto back = from_.Iterate(family);
      for (back->SeekToLast(); back->Valid() && back->key().ToStringView() > last; back->Prev()) {
        MM_RETURN_IF_ERROR(CopyValue(family, *back, done));
      }
    }
    return Flush(WriteMode::kBuffered);
  }

  absl::Status CopyValue(Family family, const rocksdb::Iterator& at, uint64_t& done) {
    const std::string_view key = at.key().ToStringView();
    if (family == Family::kMeta && (key == keys::kCounters || key == keys::kBinding)) {
      return absl::OkStatus();
    }
    const std::string_view value = at.value().ToStringView();
    const absl::Status whole = codec::CheckEnvelope(FamilyName(family), key, value);
    if (!whole.ok()) {
      Lose(family, key, Text(whole));
      return absl::OkStatus();
    }
    batch_.Put(to_.handle(family), key, value).PermitUncheckedError();
    ++report_.values;
    if (++done % kBatchValues != 0) return absl::OkStatus();
    progress_(FamilyName(family), done);
    return Flush(WriteMode::kBuffered);
  }

  // What must not be taken again.
  absl::Status CopyForgotten() {
    const auto it = from_.Iterate(Family::kIdentity);
    uint64_t done = 0;
    for (it->Seek(keys::ForgottenPrefix()); it->Valid(); it->Next()) {
      MM_RETURN_IF_ERROR(CopyValue(Family::kIdentity, *it, done));
    }
    if (!it->status().ok()) {
      Lose(Family::kIdentity, keys::ForgottenPrefix(),
           absl::StrCat("what was forgotten is not read to its end: ", it->status().ToString()));
    }
    return absl::OkStatus();
  }

  // The highest number that anything of an event has.
  Seq LastEntry() {
    Seq last = 0;
    for (const Family family : {Family::kLog, Family::kPayloads, Family::kFeatures}) {
      const auto it = from_.Iterate(family);
      it->SeekToLast();
      if (it->Valid() && it->key().size() >= 8) {
        last = std::max(last, keys::LastNumber(it->key().ToStringView().substr(0, 8)));
      } else if (!it->status().ok()) {
        Lose(family, "", absl::StrCat("its end is not read: ", it->status().ToString()));
      }
    }
    return last;
  }

  absl::Status CopyEntry(Seq seq) {
    storage::v1::LogRecord record;
    const absl::Status read = from_.Get(Family::kLog, keys::Number(seq), record);
    if (!read.ok()) {
      NoteLoss(seq, absl::IsNotFound(read) ? "there is no entry" : Text(read));
      return absl::OkStatus();
    }
    ContentHash content;
    if (record.has_event()) {
      const absl::StatusOr<ContentHash> copied = CopyEvent(seq, record);
      if (!copied.ok()) {
        NoteLoss(seq, Text(copied.status()));
        return absl::OkStatus();
      }
      content = *copied;
      ++report_.events;
    }
    EndLoss(seq - 1);
    ++report_.values;
    record.clear_previous();
    record.clear_link();
    Hang(seq, content, record, end_);
    to_.Put(Family::kLog, keys::Number(seq), record, batch_);
    return absl::OkStatus();
  }

  // Everything that belongs to an event, but its entry. Nothing is written on an error.
  absl::StatusOr<ContentHash> CopyEvent(Seq seq, const storage::v1::LogRecord& record) {
    MM_ASSIGN_OR_RETURN(const LoggedEvent logged, reader_.ReadEvent(seq, record, Detail::kFull));
    const Event& event = logged.event;
    const ContentHash hash =
        codec::HasDropped(record.event())
            ? ContentHash{.high = record.content_high(), .low = record.content_low()}
            : HashEvent(event);
    const std::string name = keys::Identity(event.source, event.event_id);
    storage::v1::IdentityRecord identity;
    if (from_.Get(Family::kIdentity, name, identity).ok() &&
        ContentHash{.high = identity.hash_high(), .low = identity.hash_low()} != hash) {
      return absl::DataLossError("its content is not what its identity says");
    }
    identity.set_seq(seq);
    identity.set_hash_high(hash.high);
    identity.set_hash_low(hash.low);
    std::vector<std::pair<std::string, storage::v1::FeaturesRecord>> all;
    std::set<ModalityId> ids;
    for (size_t i = 0; i < event.percepts.size(); ++i) {
      const std::string key = keys::FeaturesOf(seq, static_cast<uint32_t>(i));
      MM_ASSIGN_OR_RETURN(storage::v1::FeaturesRecord features, FeaturesOf(key, event.percepts[i]));
      MM_RETURN_IF_ERROR(
          Register(static_cast<ModalityId>(features.modality_id()), event.percepts[i]));
      ids.insert(static_cast<ModalityId>(features.modality_id()));
      all.emplace_back(key, std::move(features));
    }
    storage::v1::EventRecord header;
    storage::v1::PayloadRecord payload;
    if (codec::EncodeEvent(event, header, payload)) {
      to_.Put(Family::kPayloads, keys::Number(seq), payload, batch_);
    }
    for (const auto& [key, features] : all) to_.Put(Family::kFeatures, key, features, batch_);
    to_.Put(Family::kIdentity, name, identity, batch_);
    for (const auto& [family, key] : SecondaryKeysOf(seq, event, ids)) {
      batch_.Put(to_.handle(family), key, "").PermitUncheckedError();
    }
    return hash;
  }

  // A modality whose record is lost is what its percepts are.
  absl::Status Register(ModalityId id, const Percept& percept) {
    if (registry_.table()->by_id.contains(id)) return absl::OkStatus();
    const ModalitySpec spec = SpecOf(percept);
    storage::v1::ModalityRecord record;
    record.set_name(spec.name);
    record.set_kind(static_cast<uint32_t>(spec.kind));
    record.set_dimension(spec.dimension);
    rocksdb::WriteBatch batch;
    to_.Put(Family::kMeta, keys::Modality(id), record, batch);
    MM_RETURN_IF_ERROR(to_.Write(batch, WriteMode::kBuffered, "modality not stored"));
    return registry_.Load(to_);
  }

  // As they are stored, or else made again.
  absl::StatusOr<storage::v1::FeaturesRecord> FeaturesOf(const std::string& key,
                                                         const Percept& percept) {
    storage::v1::FeaturesRecord record;
    storage::v1::FeaturesRecord checked;
    ModalityId modality = 0;
    Features features;
    if (from_.Get(Family::kFeatures, key, record).ok()) {
      checked = record;  // decoding empties it
      if (codec::DecodeFeatures(checked, modality, features).ok()) return record;
    }
    const auto table = registry_.table();
    const auto known = table->by_name.find(percept.modality);
    if (known == table->by_name.end()) {
      return absl::DataLossError(
          absl::StrCat("its features are lost, and modality '", percept.modality, "' too"));
    }
    MM_ASSIGN_OR_RETURN(features, make_features_(percept));
    record.Clear();
    codec::EncodeFeatures(known->second.id, std::move(features), record);
    return record;
  }

  // Losses in a row are one finding.
  void NoteLoss(Seq seq, const std::string& what) {
    if (lost_from_ == 0) {
      lost_from_ = seq;
      lost_what_ = what;
    }
  }
  void EndLoss(Seq last) {
    if (lost_from_ == 0) return;
    report_.Add({.family = "log",
                 .first_seq = lost_from_,
                 .last_seq = last,
                 .ground = true,
                 .what = absl::StrCat("lost; the first: ", lost_what_)});
    lost_from_ = 0;
  }

  const Database::Impl& from_;
  const Database::Impl& to_;
  const MakeFeatures& make_features_;
  const FsckProgress& progress_;
  FsckReport& report_;
  const EventReader reader_;
  ModalityRegistry registry_;
  rocksdb::WriteBatch batch_;
  ChainEnd end_;
  Seq lost_from_ = 0;  // of the losses in a row that end before this entry; 0: none
  std::string lost_what_;
};

// Makes the MANIFEST of a copy anew out of the tables that are there. What lies in blob files is
// lost by it: RocksDB's repair does not know them.
absl::Status Repair(const std::string& path) {
  const RocksOptions rocks({});
  rocksdb::DBOptions options = rocks.Database();
  options.info_log = std::make_shared<SilentLogger>();
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const auto family = static_cast<Family>(i);
    descriptors.emplace_back(std::string(FamilyName(family)), rocks.ForFamily(family));
  }
  descriptors.emplace_back(rocksdb::kDefaultColumnFamilyName, rocks.ForFamily(Family::kMeta));
  return FromRocks(rocksdb::RepairDB(path, options, descriptors, rocks.ForNamed()),
                   "database not repaired");
}

// The copy, as much of it as can be read; `report` says what of it cannot.
absl::StatusOr<std::unique_ptr<Database::Impl>> OpenCopy(const std::string& copy,
                                                         FsckReport& report) {
  MM_RETURN_IF_ERROR(MendCurrent(copy));
  DatabaseOptions options{.create_if_missing = false, .read_only = true};
  auto opened = Database::Impl::Open(copy, options, /*lenient=*/true);
  if (opened.ok()) return opened;
  report.Add({.family = "database", .ground = true, .what = Text(opened.status())});
  // RocksDB can skip over most damage of the write-ahead log, but not over all: then up to there.
  options.salvage = true;
  opened = Database::Impl::Open(copy, options);
  if (opened.ok()) return opened;
  MM_RETURN_IF_ERROR(Repair(copy));
  // Families of which no table is left are made anew.
  return Database::Impl::Open(copy, {.create_if_missing = false}, true);
}

}  // namespace

absl::StatusOr<FsckReport> Salvage(const std::string& from, const std::string& to,
                                   const MakeFeatures& make_features,
                                   const FsckProgress& progress) {
  std::error_code error;
  if (!fs::exists(from, error)) {
    return absl::NotFoundError(
        absl::StrCat("not salvaged: there is no ", from, "; give a data directory"));
  }
  if (fs::exists(to, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat("not salvaged: ", to, " exists; give a folder that does not"));
  }
  fs::create_directories(fs::path(to).parent_path(), error);
  const std::string copy = to + ".copy";
  MM_RETURN_IF_ERROR(CloneDatabase(from, copy));
  const absl::Cleanup remove = [&copy] { RemoveAll(copy).IgnoreError(); };
  FsckReport report;
  MM_ASSIGN_OR_RETURN(const std::unique_ptr<Database::Impl> damaged, OpenCopy(copy, report));
  MM_ASSIGN_OR_RETURN(const std::unique_ptr<Database> made, Database::Open(to, {}));
  const std::optional<Mark> mark = ReadMark(from + ".mark");
  Salvager salvager(*damaged, made->impl(), make_features, progress, report);
  MM_RETURN_IF_ERROR(salvager.Run(mark ? mark->last_seq : 0));
  return report;
}

}  // namespace mixmatch
