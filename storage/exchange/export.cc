// Along the log, then family by family; all of it is on the disk before it is called an export.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/database_impl.h"
#include "storage/event_reader.h"
#include "storage/exchange/exchange.h"
#include "storage/exchange/format_file.h"
#include "storage/exchange/lines.h"
#include "storage/generation_table.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"
#include "storage/snapshot_files.h"

namespace mixmatch {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kProgressEvery = 1024;

// Brings a folder with all that is in it to the disk.
absl::Status SyncTree(const std::string& folder) {
  // All at once first, where that can be: then little is left to do for each of many small media.
  const int opened = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened >= 0) {
    syncfs(opened);
    close(opened);
  }
  std::error_code error;
  auto entry = fs::recursive_directory_iterator(folder, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const std::string path = entry->path().string();
    MM_RETURN_IF_ERROR(entry->is_directory(error) ? SyncFolder(path) : SyncFile(path));
  }
  if (error) {
    return absl::InternalError(
        absl::StrCat(folder, " not read to be synced: ", error.message(), "; check the disk"));
  }
  return SyncFolder(folder);
}

class Exporter {
 public:
  Exporter(Database* database, std::string folder, const FsckProgress& progress)
      : database_(*database),
        db_(database->impl()),
        folder_(std::move(folder)),
        media_(folder_),
        reader_(db_),
        progress_(progress) {}

  absl::StatusOr<ExchangeCounts> Run(const ExchangeOptions& options) {
    MM_RETURN_IF_ERROR(WriteModalities());
    MM_RETURN_IF_ERROR(WriteLog());
    MM_RETURN_IF_ERROR(WriteSettings());
    MM_RETURN_IF_ERROR(WriteForgotten());
    MM_RETURN_IF_ERROR(WriteFamily<storage::v1::SkillRecord>(Family::kSkills).status());
    MM_ASSIGN_OR_RETURN(counts_.lessons,
                        WriteFamily<storage::v1::TeachingRecord>(Family::kTeachings));
    if (options.weights) {
      MM_RETURN_IF_ERROR(
          WriteFamily<storage::v1::GenerationRecordValue>(Family::kGenerations).status());
      MM_RETURN_IF_ERROR(WriteFamily<storage::v1::ConceptsRecord>(Family::kGraph).status());
      MM_RETURN_IF_ERROR(WriteWeights());
    }
    MM_RETURN_IF_ERROR(SyncTree(folder_));
    MM_RETURN_IF_ERROR(WriteFormat(folder_, extent_));
    return counts_;
  }

 private:
  std::string PathOf(std::string_view name) const {
    return absl::StrCat(folder_, "/", std::string(name), ".jsonl");
  }

  // Ends a file of this name, whose lines format.json is to count.
  absl::Status End(std::string_view name, LineWriter& out) {
    extent_.lines[std::string(name)] = out.lines();
    return out.Close();
  }

  absl::Status WriteModalities() {
    LineWriter out(PathOf("modalities"));
    const auto it = db_.Iterate(Family::kMeta);
    for (it->Seek(std::string(keys::kModalityPrefix)); it->Valid(); it->Next()) {
      const std::string_view key = it->key().ToStringView();
      const ModalityId id = keys::ModalityOf(key);
      if (!key.starts_with(keys::kModalityPrefix) || id == 0) break;
      storage::v1::ModalityRecord record;
      MM_RETURN_IF_ERROR(codec::Decode("meta", key, it->value().ToStringView(), record));
      MM_RETURN_IF_ERROR(out.Write({{"id", id},
                                    {"name", record.name()},
                                    {"kind", record.kind()},
                                    {"dimension", record.dimension()}}));
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "modalities not read"));
    return End("modalities", out);
  }

  absl::Status WriteLog() {
    LineWriter events(PathOf("events"));
    LineWriter others(PathOf("log"));
    const auto it = db_.Iterate(Family::kLog);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const std::string_view key = it->key().ToStringView();
      const Seq seq = keys::LastNumber(key);
      extent_.last_seq = seq;
      storage::v1::LogRecord record;
      MM_RETURN_IF_ERROR(codec::Decode("log", key, it->value().ToStringView(), record));
      if (++counts_.entries % kProgressEvery == 0) progress_("log", counts_.entries);
      if (!record.has_event()) {
        MM_ASSIGN_OR_RETURN(Json json, RecordToJson(record));
        MM_RETURN_IF_ERROR(others.Write({{"sequence", seq}, {"record", std::move(json)}}));
        continue;
      }
      ++counts_.events;
      MM_ASSIGN_OR_RETURN(const LoggedEvent logged, reader_.ReadEvent(seq, record, Detail::kFull));
      MM_ASSIGN_OR_RETURN(Json json, EventToJson(logged.event, media_));
      MM_ASSIGN_OR_RETURN(json["log"], LogPartOf(seq, record));
      MM_RETURN_IF_ERROR(events.Write(json));
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "log not read"));
    MM_RETURN_IF_ERROR(End("events", events));
    return End("log", others);
  }

  // What of an entry is not the event as it was sent.
  absl::StatusOr<Json> LogPartOf(Seq seq, const storage::v1::LogRecord& record) const {
    Json json = {{"sequence", seq},
                 {"ingest_time_ns", record.ingest_time_ns()},
                 {"previous", record.previous()},
                 {"link", record.link()}};
    if (!codec::HasDropped(record.event())) return json;
    json["content"] = {record.content_high(), record.content_low()};
    Json dropped = Json::array();
    for (int i = 0; i < record.event().percepts_size(); ++i) {
      const int64_t time_ns = record.event().percepts(i).dropped_ns();
      if (time_ns == 0) continue;
      storage::v1::FeaturesRecord features;
      MM_RETURN_IF_ERROR(
          db_.Get(Family::kFeatures, keys::FeaturesOf(seq, static_cast<uint32_t>(i)), features));
      MM_ASSIGN_OR_RETURN(Json made, RecordToJson(features));
      dropped.push_back({{"percept", i}, {"time_ns", time_ns}, {"features", std::move(made)}});
    }
    json["dropped"] = std::move(dropped);
    return json;
  }

  absl::Status WriteSettings() {
    LineWriter out(PathOf("settings"));
    const auto it = db_.Iterate(Family::kMeta);
    for (it->Seek(std::string(keys::kSettingPrefix)); it->Valid(); it->Next()) {
      const std::string_view key = it->key().ToStringView();
      if (!key.starts_with(keys::kSettingPrefix)) break;
      MM_RETURN_IF_ERROR(
          WriteRecord<storage::v1::SettingRecord>("meta", key, it->value().ToStringView(), out));
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "settings not read"));
    return End("settings", out);
  }

  absl::Status WriteForgotten() {
    LineWriter out(PathOf("forgotten"));
    const auto it = db_.Iterate(Family::kIdentity);
    for (it->Seek(keys::ForgottenPrefix()); it->Valid(); it->Next()) {
      const std::string_view key = it->key().ToStringView();
      if (!keys::IsForgottenIdentity(key)) continue;
      MM_RETURN_IF_ERROR(WriteRecord<storage::v1::IdentityRecord>("identity", key,
                                                                  it->value().ToStringView(), out));
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "identities not read"));
    return End("forgotten", out);
  }

  template <typename Record>
  static absl::Status WriteRecord(std::string_view family, std::string_view key,
                                  std::string_view value, LineWriter& out) {
    Record record;
    MM_RETURN_IF_ERROR(codec::Decode(family, key, value, record));
    MM_ASSIGN_OR_RETURN(Json json, RecordToJson(record));
    return out.Write({{"key", keys::Hex(key)}, {"record", std::move(json)}});
  }

  template <typename Record>
  absl::StatusOr<uint64_t> WriteFamily(Family family) {
    LineWriter out(PathOf(FamilyName(family)));
    const auto it = db_.Iterate(family);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      MM_RETURN_IF_ERROR(WriteRecord<Record>(FamilyName(family), it->key().ToStringView(),
                                             it->value().ToStringView(), out));
      if (out.lines() % kProgressEvery == 0) progress_(FamilyName(family), out.lines());
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "values not read"));
    MM_RETURN_IF_ERROR(End(FamilyName(family), out));
    return out.lines();
  }

  // Names hold slashes, so files have numbers.
  absl::Status WriteWeights() {
    std::error_code error;
    fs::create_directories(folder_ + "/weights", error);
    LineWriter out(PathOf("weights"));
    const GenerationTable table(&database_);
    const auto it = db_.Iterate(Family::kWeights);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      std::string name;
      if (!keys::IsWeightsManifest(it->key().ToStringView(), name)) continue;
      MM_ASSIGN_OR_RETURN(const std::string bytes, table.GetWeights(name));
      const std::string file = absl::StrCat("weights/", ++counts_.weights, ".bin");
      std::ofstream binary(folder_ + "/" + file, std::ios::binary);
      binary.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
      binary.close();
      if (!binary) return absl::InternalError(absl::StrCat(file, " not written; check the disk"));
      MM_RETURN_IF_ERROR(out.Write({{"name", name},
                                    {"file", file},
                                    {"size_bytes", bytes.size()},
                                    {"checksum", codec::Checksum(bytes)}}));
      progress_("weights", counts_.weights);
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "weights not read"));
    return End("weights", out);
  }

  Database& database_;
  const Database::Impl& db_;
  const std::string folder_;
  MediaFolder media_;
  const EventReader reader_;
  const FsckProgress& progress_;
  ExchangeCounts counts_;
  ExportExtent extent_;
};

}  // namespace

absl::StatusOr<ExchangeCounts> Export(const std::string& database, const std::string& folder,
                                      const ExchangeOptions& options,
                                      const FsckProgress& progress) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    return absl::AlreadyExistsError(
        absl::StrCat("nothing exported: ", folder, " is not empty; name a new folder"));
  }
  MM_ASSIGN_OR_RETURN(const std::unique_ptr<Database> open,
                      Database::Open(database, {.create_if_missing = false, .read_only = true}));
  const bool made = !fs::exists(folder, error);
  fs::create_directories(folder, error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("nothing exported: ", folder, " cannot be made: ", error.message()));
  }
  MM_ASSIGN_OR_RETURN(const ExchangeCounts counts,
                      Exporter(open.get(), folder, progress).Run(options));
  if (made) MM_RETURN_IF_ERROR(SyncFolder(folder + "/.."));
  return counts;
}

}  // namespace mixmatch
