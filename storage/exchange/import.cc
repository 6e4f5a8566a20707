// Into a new database under another name, which gets its own when everything is in it.
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/database_impl.h"
#include "storage/exchange/exchange.h"
#include "storage/exchange/format_file.h"
#include "storage/exchange/lines.h"
#include "storage/generation_table.h"
#include "storage/keys.h"
#include "storage/log_chain.h"
#include "storage/modality_registry.h"
#include "storage/records.pb.h"
#include "storage/secondary_keys.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kBatchEntries = 256;
constexpr Seq kBehindAll = std::numeric_limits<Seq>::max();

absl::Status Changed(Seq seq) {
  return absl::DataLossError(
      absl::StrCat("sequence ", seq,
                   " is not what was exported, or the entry before it is not: the chain breaks "
                   "here; take the folder from another copy"));
}

class Importer {
 public:
  Importer(const std::string& folder, Database* database, const MakeFeatures& make_features,
           const FsckProgress& progress)
      : folder_(folder),
        media_(folder),
        database_(*database),
        db_(database->impl()),
        make_features_(make_features),
        progress_(progress) {}

  absl::StatusOr<ExchangeCounts> Run(const ExchangeOptions& options) {
    MM_ASSIGN_OR_RETURN(extent_, ReadFormat(folder_));
    MM_RETURN_IF_ERROR(ReadModalities());
    MM_RETURN_IF_ERROR(ReadLog());
    MM_RETURN_IF_ERROR(ReadFamily<storage::v1::SettingRecord>("settings", Family::kMeta).status());
    MM_RETURN_IF_ERROR(
        ReadFamily<storage::v1::IdentityRecord>("forgotten", Family::kIdentity).status());
    MM_RETURN_IF_ERROR(ReadFamily<storage::v1::SkillRecord>("skills", Family::kSkills).status());
    MM_ASSIGN_OR_RETURN(counts_.lessons,
                        ReadFamily<storage::v1::TeachingRecord>("teachings", Family::kTeachings));
    if (options.weights && HasWeights()) {
      MM_RETURN_IF_ERROR(
          ReadFamily<storage::v1::GenerationRecordValue>("generations", Family::kGenerations)
              .status());
      MM_RETURN_IF_ERROR(ReadFamily<storage::v1::ConceptsRecord>("graph", Family::kGraph).status());
      MM_RETURN_IF_ERROR(ReadWeights());
    }
    storage::v1::CountersRecord counters;
    counters.set_event_count(counts_.events);
    db_.Put(Family::kMeta, keys::kCounters, counters, batch_);
    MM_RETURN_IF_ERROR(Flush(WriteMode::kSynced));
    return counts_;
  }

 private:
  std::string PathOf(std::string_view name) const {
    return absl::StrCat(folder_, "/", std::string(name), ".jsonl");
  }

  absl::Status Flush(WriteMode mode) {
    MM_RETURN_IF_ERROR(db_.Write(batch_, mode, "import not stored"));
    batch_.Clear();
    return absl::OkStatus();
  }

  // Whether what was learned was exported, too.
  bool HasWeights() const {
    if (extent_) return extent_->lines.contains("weights");
    std::error_code ignored;
    return fs::exists(PathOf("generations"), ignored) || fs::exists(PathOf("graph"), ignored) ||
           fs::exists(PathOf("weights"), ignored);
  }

  // The next line of a file. Its end is one only where all that was exported was read.
  absl::StatusOr<std::optional<Json>> NextOf(std::string_view name, LineReader& reader) const {
    absl::StatusOr<std::optional<Json>> json = reader.Next();
    if (json.ok() && !json->has_value() && extent_) {
      MM_RETURN_IF_ERROR(extent_->CheckLines(name, reader.lines()));
    }
    return json;
  }

  // Hands every line of a file to `take`.
  absl::Status Each(std::string_view name,
                    const std::function<absl::Status(const Json&)>& take) const {
    LineReader reader(PathOf(name));
    MM_RETURN_IF_ERROR(EachLine(reader, take));
    return extent_ ? extent_->CheckLines(name, reader.lines()) : absl::OkStatus();
  }

  absl::Status ReadModalities() {
    return Each("modalities", [this](const Json& json) {
      storage::v1::ModalityRecord record;
      record.set_name(json.at("name").get<std::string>());
      record.set_kind(json.at("kind").get<uint32_t>());
      record.set_dimension(json.at("dimension").get<uint32_t>());
      modalities_[record.name()] = {json.at("id").get<ModalityId>(), record};
      return absl::OkStatus();
    });
  }

  // Both files are in the order of the log.
  absl::Status ReadLog() {
    LineReader events(PathOf("events"));
    LineReader others(PathOf("log"));
    MM_ASSIGN_OR_RETURN(std::optional<Json> event, NextOf("events", events));
    MM_ASSIGN_OR_RETURN(std::optional<Json> other, NextOf("log", others));
    while (event || other) {
      Seq event_seq = kBehindAll;
      Seq other_seq = kBehindAll;
      if (event) {
        MM_ASSIGN_OR_RETURN(event_seq, SeqOf(event->value("log", Json::object()), events));
      }
      if (other) {
        MM_ASSIGN_OR_RETURN(other_seq, SeqOf(*other, others));
      }
      const bool take_event = event_seq < other_seq;
      LineReader& from = take_event ? events : others;
      std::optional<Json>& json = take_event ? event : other;
      absl::Status taken;
      try {
        taken = take_event ? TakeEvent(*json) : TakeOther(*json);
      } catch (const Json::exception& e) {
        taken = absl::InvalidArgumentError(e.what());
      }
      if (!taken.ok()) return from.Wrong(taken);
      MM_ASSIGN_OR_RETURN(json, NextOf(take_event ? "events" : "log", from));
      if (++counts_.entries % kBatchEntries == 0) {
        progress_("log", counts_.entries);
        MM_RETURN_IF_ERROR(Flush(WriteMode::kBuffered));
      }
    }
    if (extent_ && extent_->last_seq != last_seq_) {
      return absl::DataLossError(absl::StrCat(
          "nothing imported: events.jsonl and log.jsonl end at sequence ", last_seq_,
          " and were exported up to ", extent_->last_seq, "; take the folder from another copy"));
    }
    for (const auto& [name, entry] : modalities_) {
      db_.Put(Family::kMeta, keys::Modality(entry.first), entry.second, batch_);
    }
    return absl::OkStatus();
  }

  // Where an entry stands in the log. `entry` is of the line that `reader` read last.
  static absl::StatusOr<Seq> SeqOf(const Json& entry, const LineReader& reader) {
    const auto seq = entry.find("sequence");
    if (seq != entry.end() && seq->is_number_unsigned()) return seq->get<Seq>();
    return reader.Wrong(absl::InvalidArgumentError("it has no sequence in the log"));
  }

  absl::Status TakeOther(const Json& json) {
    storage::v1::LogRecord record;
    MM_RETURN_IF_ERROR(RecordFromJson(json.at("record"), record));
    return PutEntry(json.at("sequence").get<Seq>(), record, ContentHash{});
  }

  absl::Status TakeEvent(const Json& json) {
    const Json& log = json.at("log");
    const Seq seq = log.at("sequence").get<Seq>();
    MM_ASSIGN_OR_RETURN(const Event event, EventFromJson(json, media_));
    storage::v1::LogRecord record;
    record.set_ingest_time_ns(log.at("ingest_time_ns").get<int64_t>());
    record.set_previous(log.at("previous").get<uint64_t>());
    record.set_link(log.at("link").get<uint64_t>());
    storage::v1::PayloadRecord payload;
    const bool apart = codec::EncodeEvent(event, *record.mutable_event(), payload);
    ContentHash hash = HashEvent(event);
    std::map<size_t, storage::v1::FeaturesRecord> kept;  // of dropped payloads
    if (log.contains("content")) {
      hash = {.high = log["content"].at(0).get<uint64_t>(),
              .low = log["content"].at(1).get<uint64_t>()};
      record.set_content_high(hash.high);
      record.set_content_low(hash.low);
      MM_RETURN_IF_ERROR(ReadDropped(log.at("dropped"), record, payload, kept));
    }
    if (apart) db_.Put(Family::kPayloads, keys::Number(seq), payload, batch_);
    storage::v1::IdentityRecord identity;
    identity.set_seq(seq);
    identity.set_hash_high(hash.high);
    identity.set_hash_low(hash.low);
    db_.Put(Family::kIdentity, keys::Identity(event.source, event.event_id), identity, batch_);
    MM_RETURN_IF_ERROR(PutPercepts(seq, event, kept));
    ++counts_.events;
    return PutEntry(seq, record, hash);
  }

  static absl::Status ReadDropped(const Json& list, storage::v1::LogRecord& record,
                                  storage::v1::PayloadRecord& payload,
                                  std::map<size_t, storage::v1::FeaturesRecord>& kept) {
    for (const Json& one : list) {
      const int index = one.at("percept").get<int>();
      if (index < 0 || index >= record.event().percepts_size()) {
        return absl::InvalidArgumentError(absl::StrCat("dropped: there is no percept ", index));
      }
      record.mutable_event()->mutable_percepts(index)->set_dropped_ns(
          one.at("time_ns").get<int64_t>());
      if (index < payload.percepts_size() && record.event().percepts(index).apart()) {
        payload.mutable_percepts(index)->Clear();
        payload.mutable_percepts(index)->set_dropped(true);
      }
      MM_RETURN_IF_ERROR(RecordFromJson(one.at("features"), kept[static_cast<size_t>(index)]));
    }
    return absl::OkStatus();
  }

  // Features and the keys by which the event is found.
  absl::Status PutPercepts(Seq seq, const Event& event,
                           const std::map<size_t, storage::v1::FeaturesRecord>& kept) {
    std::set<ModalityId> ids;
    for (size_t i = 0; i < event.percepts.size(); ++i) {
      const Percept& percept = event.percepts[i];
      const auto modality = modalities_.find(percept.modality);
      if (modality == modalities_.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("modality '", percept.modality, "' is not in modalities.jsonl"));
      }
      const ModalityId id = modality->second.first;
      ids.insert(id);
      modality->second.second.set_percept_count(modality->second.second.percept_count() + 1);
      storage::v1::FeaturesRecord features;
      const auto dropped = kept.find(i);
      if (dropped != kept.end()) {
        features = dropped->second;
        features.set_modality_id(id);
      } else {
        MM_ASSIGN_OR_RETURN(Features made, make_features_(percept));
        MM_RETURN_IF_ERROR(codec::CheckFeatures(made));
        codec::EncodeFeatures(id, std::move(made), features);
      }
      db_.Put(Family::kFeatures, keys::FeaturesOf(seq, static_cast<uint32_t>(i)), features, batch_);
    }
    for (const auto& [family, key] : SecondaryKeysOf(seq, event, ids)) {
      batch_.Put(db_.handle(family), key, "").PermitUncheckedError();
    }
    return absl::OkStatus();
  }

  // An entry of the log, after it was held against the one that it hangs on.
  absl::Status PutEntry(Seq seq, const storage::v1::LogRecord& record, const ContentHash& hash) {
    if (seq <= last_seq_) {
      return absl::InvalidArgumentError(
          absl::StrCat("sequence ", seq, " stands behind ", last_seq_, "; keep the order"));
    }
    const auto before = links_.find(record.previous());
    const bool known = record.previous() == 0 || before != links_.end();
    const ChainEnd end{.seq = record.previous(),
                       .link = before == links_.end() ? 0 : before->second};
    // Entries at the log's beginning may be of a build that had no chain. The link of what was
    // forgotten is that of what it was.
    const bool unlinked = record.link() == 0 && record.previous() == 0;
    if (!unlinked && !record.has_forgotten() &&
        (!known || record.link() != LinkOf(end, seq, record, hash))) {
      return Changed(seq);
    }
    last_seq_ = seq;
    links_[seq] = record.link();
    if (links_.size() > kLinksKept) links_.erase(links_.begin());
    db_.Put(Family::kLog, keys::Number(seq), record, batch_);
    return absl::OkStatus();
  }

  template <typename Record>
  absl::StatusOr<uint64_t> ReadFamily(std::string_view name, Family family) {
    uint64_t count = 0;
    const absl::Status read = Each(name, [&](const Json& json) -> absl::Status {
      const std::string key = absl::HexStringToBytes(json.at("key").get<std::string>());
      Record record;
      MM_RETURN_IF_ERROR(RecordFromJson(json.at("record"), record));
      db_.Put(family, key, record, batch_);
      if (++count % kBatchEntries != 0) return absl::OkStatus();
      progress_(name, count);
      return Flush(WriteMode::kBuffered);
    });
    MM_RETURN_IF_ERROR(read);
    MM_RETURN_IF_ERROR(Flush(WriteMode::kBuffered));
    return count;
  }

  absl::Status ReadWeights() {
    GenerationTable table(&database_);
    return Each("weights", [&](const Json& json) -> absl::Status {
      // Only what an export writes: a number in the folder itself.
      const std::string file = absl::StrCat("weights/", ++counts_.weights, ".bin");
      if (json.at("file") != file) {
        return absl::InvalidArgumentError(absl::StrCat("file: it is not ", file));
      }
      MM_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(folder_ + "/" + file));
      if (codec::Checksum(bytes) != json.at("checksum").get<uint64_t>()) {
        return absl::DataLossError(
            absl::StrCat(file,
                         " is not what was exported; take it from another copy, or import without "
                         "weights"));
      }
      progress_("weights", counts_.weights);
      return table.PutWeights(json.at("name").get<std::string>(), bytes);
    });
  }

  // A write that failed and came back hangs beside the chain, not far from where it ends.
  static constexpr size_t kLinksKept = 1 << 16;

  const std::string folder_;
  const MediaFolder media_;
  Database& database_;
  const Database::Impl& db_;
  const MakeFeatures& make_features_;
  const FsckProgress& progress_;
  std::optional<ExportExtent> extent_;  // nullopt: the export does not say
  ExchangeCounts counts_;
  std::map<std::string, std::pair<ModalityId, storage::v1::ModalityRecord>> modalities_;
  std::map<Seq, uint64_t> links_;
  Seq last_seq_ = 0;
  rocksdb::WriteBatch batch_;
};

}  // namespace

absl::StatusOr<ExchangeCounts> Import(const std::string& folder, const std::string& database,
                                      const ExchangeOptions& options,
                                      const MakeFeatures& make_features,
                                      const FsckProgress& progress) {
  std::error_code error;
  if (fs::exists(database, error)) {
    return absl::AlreadyExistsError(absl::StrCat("nothing imported: ", database,
                                                 " is there already; name a new data directory"));
  }
  const std::string begun = database + ".import";
  fs::remove_all(begun, error);  // of an import that was cut off
  absl::StatusOr<ExchangeCounts> counts;
  {
    MM_ASSIGN_OR_RETURN(const std::unique_ptr<Database> made, Database::Open(begun, {}));
    counts = Importer(folder, made.get(), make_features, progress).Run(options);
  }
  if (counts.ok()) {
    fs::rename(begun, database, error);
    if (!error) {
      MM_RETURN_IF_ERROR(SyncFolder(database + "/.."));
      return counts;
    }
    counts = absl::InternalError(
        absl::StrCat(database, " cannot be made of ", begun, ": ", error.message()));
  }
  fs::remove_all(begun, error);
  return counts;
}

}  // namespace mixmatch
