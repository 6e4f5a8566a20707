// Every value against its checksum; then what refers to what.
#include "storage/check/derived_check.h"

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/codec/envelope.h"
#include "storage/keys.h"
#include "storage/records.pb.h"

namespace mixmatch {
namespace {

constexpr uint64_t kProgressEvery = 4096;

std::string Text(const absl::Status& status) { return std::string(status.message()); }

class DerivedCheck {
 public:
  DerivedCheck(const Database::Impl& db, const std::vector<bool>& events,
               const FsckProgress& progress, FsckReport& report)
      : db_(db), events_(events), progress_(progress), report_(report) {}

  void Run() {
    CheckValues("meta", db_.handle(Family::kMeta), true);
    CheckValues("generations", db_.handle(Family::kGenerations), true);
    CheckValues("skills", db_.handle(Family::kSkills), true);
    CheckValues("teachings", db_.handle(Family::kTeachings), true);
    CheckValues("graph", db_.handle(Family::kGraph), false);
    CheckValues("scenes", db_.handle(Family::kScenes), false);
    CheckEpisodes();
    CheckWeights();
    for (const auto& [name, handle] : db_.Named()) {
      CheckValues(name, handle.get(), false);
      CheckItems(name, handle.get());
    }
  }

 private:
  void Add(std::string_view family, std::string_view key, Seq seq, bool ground, std::string what) {
    report_.Add({.family = std::string(family),
                 .key = keys::Hex(key),
                 .first_seq = seq,
                 .last_seq = seq,
                 .ground = ground,
                 .what = std::move(what)});
  }

  // Hands every value of a family to `look`.
  template <typename Look>
  void Each(std::string_view family, rocksdb::ColumnFamilyHandle* handle, bool ground, Look look) {
    const std::unique_ptr<rocksdb::Iterator> it(db_.db().NewIterator({}, handle));
    uint64_t done = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      ++report_.values;
      if (++done % kProgressEvery == 0) progress_(family, done);
      look(it->key().ToStringView(), it->value().ToStringView());
    }
    if (it->status().ok()) return;
    report_.Add({.family = std::string(family),
                 .ground = ground,
                 .what = "not read to its end: " + it->status().ToString()});
  }

  void CheckValues(std::string_view family, rocksdb::ColumnFamilyHandle* handle, bool ground) {
    Each(family, handle, ground, [&](std::string_view key, std::string_view value) {
      const absl::Status status = codec::CheckEnvelope(family, key, value);
      if (!status.ok()) Add(family, key, 0, ground, Text(status));
    });
  }

  bool IsEvent(Seq seq) const { return seq < events_.size() && events_[seq]; }

  void CheckEpisodes() {
    storage::v1::BindingRecord binding;
    const absl::Status bound = db_.Get(Family::kMeta, keys::kBinding, binding);
    std::map<uint64_t, bool> closed;  // episodes, and whether they are closed
    Each("episodes", db_.handle(Family::kEpisodes), false,
         [&](std::string_view key, std::string_view value) {
           storage::v1::EpisodeRecord record;
           const absl::Status status = codec::Decode("episodes", key, value, record);
           if (!status.ok()) return Add("episodes", key, 0, false, Text(status));
           closed[keys::LastNumber(key)] = record.closed();
           for (const auto& member : record.members()) CheckMember(key, member.seq());
         });
    Each("episode_of", db_.handle(Family::kEpisodeOf), false,
         [&](std::string_view key, std::string_view value) {
           storage::v1::EpisodeOfRecord record;
           const Seq seq = keys::LastNumber(key);
           const absl::Status status = codec::Decode("episode_of", key, value, record);
           if (!status.ok()) return Add("episode_of", key, seq, false, Text(status));
           if (closed.count(record.episode_id()) == 0) {
             Add("episode_of", key, seq, false,
                 absl::StrCat("its episode ", record.episode_id(), " is missing"));
           }
         });
    uint64_t ordinal = 0;
    Each("closed", db_.handle(Family::kClosed), false,
         [&](std::string_view key, std::string_view value) {
           storage::v1::ClosedRecord record;
           const absl::Status status = codec::Decode("closed", key, value, record);
           if (!status.ok()) Add("closed", key, 0, false, Text(status));
           if (keys::LastNumber(key) != ordinal) {
             Add("closed", key, 0, false, absl::StrCat("ordinal ", ordinal, " is missing"));
           }
           ordinal = keys::LastNumber(key) + 1;
           const auto episode = closed.find(record.episode_id());
           if (status.ok() && (episode == closed.end() || !episode->second)) {
             Add("closed", key, 0, false,
                 absl::StrCat("its episode ", record.episode_id(), " is not there, or open"));
           }
         });
    if (bound.ok() && binding.closed_count() != ordinal) {
      Add("closed", keys::kBinding, 0, false,
          absl::StrCat("binding counts ", binding.closed_count(), " closed episodes; there are ",
                       ordinal));
    }
  }

  void CheckMember(std::string_view episode, Seq seq) {
    storage::v1::EpisodeOfRecord record;
    if (!IsEvent(seq)) {
      Add("episodes", episode, seq, false, "a member is no event of the log");
    } else if (!db_.Get(Family::kEpisodeOf, keys::Number(seq), record).ok() ||
               record.episode_id() != keys::LastNumber(episode)) {
      Add("episodes", episode, seq, false, "a member does not point back to it");
    }
  }

  // A manifest is written after its chunks: with one, all of them are there.
  void CheckWeights() {
    Each("weights", db_.handle(Family::kWeights), true,
         [&](std::string_view key, std::string_view value) {
           absl::Status status = codec::CheckEnvelope("weights", key, value);
           if (!status.ok()) return Add("weights", key, 0, true, Text(status));
           std::string name;
           storage::v1::ManifestRecord manifest;
           if (!keys::IsWeightsManifest(key, name)) return;
           status = codec::Decode("weights", key, value, manifest);
           if (!status.ok()) return Add("weights", key, 0, true, Text(status));
           std::string bytes;
           for (uint32_t i = 0; i < manifest.chunk_count(); ++i) {
             storage::v1::ChunkRecord chunk;
             if (!db_.Get(Family::kWeights, keys::WeightsChunk(name, manifest.version(), i), chunk)
                      .ok()) {
               break;
             }
             bytes += chunk.data();
           }
           if (bytes.size() != manifest.size_bytes() ||
               codec::Checksum(bytes) != manifest.checksum()) {
             Add("weights", key, 0, true,
                 absl::StrCat("the chunks of '", name, "' are not those that were written"));
           }
         });
  }

  // Embeddings of percepts that are no event's.
  void CheckItems(std::string_view name, rocksdb::ColumnFamilyHandle* handle) {
    Each(name, handle, false, [&](std::string_view key, std::string_view value) {
      storage::v1::BlockRecord block;
      if (key.empty() || key.front() != keys::kSpaceBlock ||
          !codec::Decode(name, key, value, block).ok()) {
        return;
      }
      for (size_t at = 0; at + sizeof(uint64_t) <= block.items().size(); at += sizeof(uint64_t)) {
        ItemId item;
        std::memcpy(&item.value, block.items().data() + at, sizeof(item.value));
        if (!item.is_episode() && !IsEvent(item.seq())) {
          Add(name, key, item.seq(), false, "an embedding is of no event");
          return;
        }
      }
    });
  }

  const Database::Impl& db_;
  const std::vector<bool>& events_;
  const FsckProgress& progress_;
  FsckReport& report_;
};

}  // namespace

void CheckDerived(const Database::Impl& db, const std::vector<bool>& events,
                  const FsckProgress& progress, FsckReport& report) {
  DerivedCheck(db, events, progress, report).Run();
}

}  // namespace mixmatch
