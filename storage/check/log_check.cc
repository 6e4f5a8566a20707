// First along the log, and from each entry to what it needs; then from what there is back to the
// log.
#include "storage/check/log_check.h"

#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/hash.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/keys.h"
#include "storage/log_chain.h"
#include "storage/log_mark.h"
#include "storage/records.pb.h"
#include "storage/secondary_keys.h"

namespace mixmatch {
namespace {

constexpr uint64_t kProgressEvery = 4096;
// A write that failed and came back hangs beside the chain: so far back its neighbour is looked
// for.
constexpr size_t kLinksKept = 1 << 16;
constexpr Seq kSeqMax = Seq{1} << 40;

std::string Text(const absl::Status& status) { return std::string(status.message()); }

class LogCheck {
 public:
  LogCheck(const Database::Impl& db, const FsckProgress& progress, FsckReport& report)
      : db_(db), progress_(progress), report_(report) {}

  std::vector<bool> Run() {
    LoadModalities();
    Walk();
    CheckEnd();
    CheckBack(Family::kPayloads);
    CheckBack(Family::kFeatures);
    CheckIdentities();
    for (const Family family : kSecondaryFamilies) CheckSecondary(family);
    return std::move(events_);
  }

 private:
  void Add(Family family, std::string_view key, Seq seq, bool ground, std::string what) {
    report_.Add({.family = std::string(FamilyName(family)),
                 .key = keys::Hex(key),
                 .first_seq = seq,
                 .last_seq = seq,
                 .ground = ground,
                 .what = std::move(what)});
  }
  // Hands every key and value of a family to `look`.
  template <typename Look>
  void Each(Family family, Look look) {
    const auto it = db_.Iterate(family);
    uint64_t done = 0;
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      ++report_.values;
      if (++done % kProgressEvery == 0) progress_(FamilyName(family), done);
      look(it->key().ToStringView(), it->value().ToStringView());
    }
    if (it->status().ok()) return;
    report_.Add({.family = std::string(FamilyName(family)),
                 .ground = true,
                 .what = "not read to its end: " + it->status().ToString()});
  }

  void LoadModalities() {
    const auto it = db_.Iterate(Family::kMeta);
    for (it->Seek(std::string(keys::kModalityPrefix)); it->Valid(); it->Next()) {
      const std::string_view key = it->key().ToStringView();
      const ModalityId id = keys::ModalityOf(key);
      storage::v1::ModalityRecord record;
      if (id == 0) break;
      if (codec::Decode("meta", key, it->value().ToStringView(), record).ok()) {
        modalities_[record.name()] = id;
      }
    }
  }

  // The entries of the log, forwards.
  void Walk() {
    bool torn = false;  // the entry before is damaged
    Each(Family::kLog, [&](std::string_view key, std::string_view value) {
      const Seq seq = keys::LastNumber(key);
      if (seq > kSeqMax) {
        return Add(Family::kLog, key, 0, true, "no log ever had so high a number");
      }
      last_seq_ = seq;
      events_.resize(seq + 1);
      storage::v1::LogRecord record;
      const absl::Status status = codec::Decode("log", key, value, record);
      if (!status.ok()) {
        Add(Family::kLog, key, seq, true, Text(status));
        damaged_.insert(seq);
        torn = true;
        return;
      }
      ContentHash content;
      if (record.has_event()) {
        events_[seq] = true;
        ++report_.events;
        content = CheckEvent(seq, record);
      }
      // The link of an event that was forgotten is that of what it was.
      if (record.has_forgotten()) {
        links_[seq] = record.link();
      } else {
        CheckChain(seq, record, content, torn);
      }
      torn = false;
    });
  }

  // `torn`: the entry before is damaged, so that what hangs on it cannot be told.
  void CheckChain(Seq seq, const storage::v1::LogRecord& record, const ContentHash& content,
                  bool torn) {
    // Entries at the log's beginning may be of a build that had no chain: then links are 0.
    const bool unlinked = record.link() == 0 && record.previous() == 0;
    chained_ = chained_ || !unlinked;
    const Seq previous = record.previous();
    const auto found = links_.find(previous);
    const bool known = previous == 0 || found != links_.end();
    const ChainEnd before{.seq = previous, .link = found == links_.end() ? 0 : found->second};
    if (chained_ && previous == 0 && !links_.empty() && !torn) {
      Add(Family::kLog, keys::Number(seq), seq, true,
          "the chain begins anew in the middle of the log");
    } else if (chained_ && !known && !torn) {
      report_.Add({.family = "log",
                   .key = keys::Hex(keys::Number(seq)),
                   .first_seq = previous,
                   .last_seq = seq - 1,
                   .ground = true,
                   .what = absl::StrCat("it hangs on sequence ", previous, ", which is gone")});
    } else if (chained_ && known && record.link() != LinkOf(before, seq, record, content)) {
      Add(Family::kLog, keys::Number(seq), seq, true,
          "the chain breaks here: it, its payload or what it hangs on is not what was stored");
    }
    links_[seq] = record.link();
    if (links_.size() > kLinksKept) links_.erase(links_.begin());
  }

  // Everything that belongs to an event. Returns its hash, of what is stored.
  ContentHash CheckEvent(Seq seq, const storage::v1::LogRecord& record) {
    const storage::v1::EventRecord& header = record.event();
    Event event;
    absl::Status status = codec::DecodeHeader(header, event);
    if (!status.ok()) Add(Family::kLog, keys::Number(seq), seq, true, Text(status));
    const ContentHash stored = IdentityOf(seq, event);
    CheckFeatures(seq, header);
    CheckSecondaryOf(seq, event);
    if (!status.ok() || !CheckPayload(seq, header, event)) return stored;
    // Where retention dropped a payload, the entry says what the event was.
    const ContentHash hash = codec::HasDropped(header) ? ContentHash{.high = record.content_high(),
                                                                     .low = record.content_low()}
                                                       : HashEvent(event);
    if (hash != stored && stored != ContentHash{}) {
      Add(Family::kIdentity, keys::Identity(event.source, event.event_id), seq, true,
          "the event's content is not what its identity says");
    }
    return hash;
  }

  ContentHash IdentityOf(Seq seq, const Event& event) {
    const std::string key = keys::Identity(event.source, event.event_id);
    storage::v1::IdentityRecord record;
    const absl::Status status = db_.Get(Family::kIdentity, key, record);
    if (!status.ok()) {
      Add(Family::kIdentity, key, seq, true,
          absl::IsNotFound(status) ? "the event's identity is missing" : Text(status));
      return {};
    }
    if (record.seq() != seq) {
      Add(Family::kIdentity, key, seq, true,
          absl::StrCat("sequence ", record.seq(), " has the same identity"));
    }
    return {.high = record.hash_high(), .low = record.hash_low()};
  }

  bool CheckPayload(Seq seq, const storage::v1::EventRecord& header, Event& event) {
    if (!codec::HasPayloadApart(header)) return true;
    storage::v1::PayloadRecord payload;
    absl::Status status = db_.Get(Family::kPayloads, keys::Number(seq), payload);
    const bool missing = absl::IsNotFound(status);
    if (status.ok()) status = codec::DecodePayload(header, payload, event);
    if (status.ok()) return true;
    Add(Family::kPayloads, keys::Number(seq), seq, true, missing ? "it is missing" : Text(status));
    return false;
  }

  void CheckFeatures(Seq seq, const storage::v1::EventRecord& header) {
    for (int i = 0; i < header.percepts_size(); ++i) {
      const std::string key = keys::FeaturesOf(seq, static_cast<uint32_t>(i));
      storage::v1::FeaturesRecord record;
      absl::Status status = db_.Get(Family::kFeatures, key, record);
      const bool missing = absl::IsNotFound(status);
      ModalityId modality = 0;
      Features features;
      if (status.ok()) status = codec::DecodeFeatures(record, modality, features);
      if (!status.ok()) {
        const bool ground = header.percepts(i).dropped_ns() != 0;
        Add(Family::kFeatures, key, seq, ground, missing ? "they are missing" : Text(status));
      }
    }
  }

  void CheckSecondaryOf(Seq seq, const Event& event) {
    std::set<ModalityId> ids;
    for (const Percept& percept : event.percepts) {
      const auto known = modalities_.find(percept.modality);
      if (known != modalities_.end()) {
        ids.insert(known->second);
      } else {
        Add(Family::kMeta, keys::kModalityPrefix, seq, true,
            absl::StrCat("modality '", percept.modality, "' is not registered"));
      }
    }
    for (const auto& [family, key] : SecondaryKeysOf(seq, event, ids)) {
      rocksdb::PinnableSlice value;
      if (!db_.db().Get({}, db_.handle(family), key, &value).ok()) {
        Add(family, key, seq, false, "the event's key is missing");
      }
    }
  }

  void CheckEnd() {
    const absl::Status mark = CheckMark(db_, last_seq_);
    if (!mark.ok()) {
      report_.Add({.family = "mark", .ground = true, .what = Text(mark)});
    }
    storage::v1::CountersRecord counters;
    const absl::Status status = db_.Get(Family::kMeta, keys::kCounters, counters);
    if (!status.ok() && !(absl::IsNotFound(status) && report_.events == 0)) {
      Add(Family::kMeta, keys::kCounters, 0, false, Text(status));
    } else if (counters.event_count() != report_.events && damaged_.empty()) {
      Add(Family::kMeta, keys::kCounters, 0, false,
          absl::StrCat("it counts ", counters.event_count(), " events; there are ",
                       report_.events));
    }
  }

  bool IsEvent(Seq seq) const {
    return (seq < events_.size() && events_[seq]) || damaged_.count(seq) != 0;
  }

  // Values that belong to no event, in families whose keys begin with a sequence number.
  void CheckBack(Family family) {
    Each(family, [&](std::string_view key, std::string_view) {
      const Seq seq = key.size() < 8 ? 0 : keys::LastNumber(key.substr(0, 8));
      if (!IsEvent(seq)) Add(family, key, seq, false, "it belongs to no event");
    });
  }

  void CheckIdentities() {
    Each(Family::kIdentity, [&](std::string_view key, std::string_view value) {
      storage::v1::IdentityRecord record;
      const absl::Status status = codec::Decode("identity", key, value, record);
      if (status.ok() && keys::IsForgottenIdentity(key)) return;
      if (!status.ok()) {
        Add(Family::kIdentity, key, 0, true, Text(status));
      } else if (!IsEvent(record.seq())) {
        Add(Family::kIdentity, key, record.seq(), true, "its event is gone from the log");
      }
    });
  }

  void CheckSecondary(Family family) {
    Each(family, [&](std::string_view key, std::string_view) {
      const Seq seq = key.size() < 8 ? 0 : keys::LastNumber(key);
      if (!IsEvent(seq)) Add(family, key, seq, false, "it points to no event");
    });
  }

  const Database::Impl& db_;
  const FsckProgress& progress_;
  FsckReport& report_;
  std::map<std::string, ModalityId> modalities_;
  std::vector<bool> events_;
  std::set<Seq> damaged_;  // entries that cannot be read, and may have been events
  Seq last_seq_ = 0;
  bool chained_ = false;
  std::map<Seq, uint64_t> links_;  // of the last entries
};

}  // namespace

std::vector<bool> CheckLog(const Database::Impl& db, const FsckProgress& progress,
                           FsckReport& report) {
  return LogCheck(db, progress, report).Run();
}

}  // namespace mixmatch
