// Each rule has a cursor of its own in "meta", so that a new one begins at the log's beginning.
#include "storage/retention.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/database_impl.h"
#include "storage/file_rewriting.h"
#include "storage/high_water_mark.h"
#include "storage/keys.h"
#include "storage/log_mark.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

constexpr size_t kBatchEvents = 64;
constexpr size_t kBatchBytes = 4 << 20;  // of payloads that are read for it

// Entries whose files are still to be written anew.
struct Stretch {
  Seq first = 0;  // 0: none
  Seq last = 0;

  Stretch Joined(const Stretch& other) const {
    if (first == 0) return other;
    if (other.first == 0) return *this;
    return {.first = std::min(first, other.first), .last = std::max(last, other.last)};
  }
};

std::string RewriteKey() { return keys::Setting("retention-rewrite"); }

void PutRewrite(const Database::Impl& db, const Stretch& stretch, rocksdb::WriteBatch& batch) {
  storage::v1::SettingRecord record;
  record.set_value(keys::Number(stretch.first) + keys::Number(stretch.last));
  db.Put(Family::kMeta, RewriteKey(), record, batch);
}

absl::StatusOr<Stretch> ReadRewrite(const Database::Impl& db) {
  storage::v1::SettingRecord record;
  const absl::Status status = db.Get(Family::kMeta, RewriteKey(), record);
  if (absl::IsNotFound(status)) return Stretch{};
  MM_RETURN_IF_ERROR(status);
  if (record.value().size() != 2 * sizeof(uint64_t)) return Stretch{};
  return Stretch{.first = keys::LastNumber(record.value().substr(0, sizeof(uint64_t))),
                 .last = keys::LastNumber(record.value())};
}

// One rule's way along the log.
class Dropper {
 public:
  // `pending`: what is to be written anew already.
  Dropper(const Database::Impl& db, const RetentionRule& rule, absl::Time now,
          const Stretch& pending, RetentionCounts& counts)
      : db_(db), rule_(rule), now_ns_(codec::ToNanos(now)), pending_(pending), counts_(counts) {}

  // Up to `behind`, which is not touched. Returns what is to be written anew.
  absl::StatusOr<Stretch> Run(Seq behind, std::atomic<bool>& stop) {
    MM_RETURN_IF_ERROR(ReadCursor());
    const int64_t newest_ns = now_ns_ - absl::ToInt64Nanoseconds(rule_.age);
    const std::string end = keys::Number(behind);
    const rocksdb::Slice upper(end);
    const auto it = db_.Iterate(Family::kLog, &upper);
    for (it->Seek(keys::Number(cursor_ + 1)); it->Valid() && !stop; it->Next()) {
      const std::string_view key = it->key().ToStringView();
      storage::v1::LogRecord record;
      const absl::Status status = codec::Decode("log", key, it->value().ToStringView(), record);
      // A damaged entry is for fsck to report; it keeps nothing else from being dropped.
      if (status.ok()) {
        if (record.ingest_time_ns() > newest_ns) break;
        MM_RETURN_IF_ERROR(Look(keys::LastNumber(key), record));
      }
      cursor_ = keys::LastNumber(key);
      if (batched_ >= kBatchEvents || batched_bytes_ >= kBatchBytes) MM_RETURN_IF_ERROR(Flush());
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "log not read"));
    if (cursor_ != stored_) MM_RETURN_IF_ERROR(Flush());
    return pending_.Joined({.first = first_, .last = last_});
  }

 private:
  std::string CursorKey() const {
    return keys::Setting(absl::StrCat("retention/", rule_.modality, "@", rule_.source));
  }

  absl::Status ReadCursor() {
    storage::v1::SettingRecord record;
    const absl::Status status = db_.Get(Family::kMeta, CursorKey(), record);
    if (absl::IsNotFound(status)) return absl::OkStatus();
    MM_RETURN_IF_ERROR(status);
    if (record.value().size() == sizeof(uint64_t)) cursor_ = keys::LastNumber(record.value());
    stored_ = cursor_;
    return absl::OkStatus();
  }

  absl::Status Flush() {
    storage::v1::SettingRecord record;
    record.set_value(keys::Number(cursor_));
    db_.Put(Family::kMeta, CursorKey(), record, batch_);
    if (first_ != 0) PutRewrite(db_, pending_.Joined({.first = first_, .last = last_}), batch_);
    MM_RETURN_IF_ERROR(db_.Write(batch_, WriteMode::kSynced, "payloads not dropped"));
    batch_.Clear();
    batched_ = 0;
    batched_bytes_ = 0;
    stored_ = cursor_;
    return absl::OkStatus();
  }

  bool Concerns(const storage::v1::PerceptRecord& percept) const {
    return percept.dropped_ns() == 0 &&
           (rule_.modality.empty() || percept.modality() == rule_.modality);
  }

  // False where the value is damaged or gone, as a read and fsck say. Whatever else fails may pass:
  // the cursor does not go by it.
  absl::StatusOr<bool> Read(Family family, const std::string& key,
                            google::protobuf::MessageLite& record) const {
    const absl::Status read = db_.Get(family, key, record);
    if (absl::IsNotFound(read) || absl::IsDataLoss(read)) return false;
    MM_RETURN_IF_ERROR(read);
    return true;
  }

  absl::Status Look(Seq seq, storage::v1::LogRecord& record) {
    if (!record.has_event()) return absl::OkStatus();
    storage::v1::EventRecord& event = *record.mutable_event();
    if (!rule_.source.empty() && event.source() != rule_.source) return absl::OkStatus();
    const auto& percepts = event.percepts();
    if (std::none_of(percepts.begin(), percepts.end(),
                     [this](const auto& percept) { return Concerns(percept); })) {
      return absl::OkStatus();
    }
    // Without its hash the event could be neither checked nor recognised any more: it stays.
    storage::v1::IdentityRecord identity;
    const std::string name = keys::Identity(event.source(), event.event_id());
    MM_ASSIGN_OR_RETURN(const bool known, Read(Family::kIdentity, name, identity));
    if (!known || identity.seq() != seq) return absl::OkStatus();
    storage::v1::PayloadRecord payload;
    const bool apart = codec::HasPayloadApart(event);
    if (apart) {
      MM_ASSIGN_OR_RETURN(const bool whole, Read(Family::kPayloads, keys::Number(seq), payload));
      if (!whole) return absl::OkStatus();
    }
    record.set_content_high(identity.hash_high());
    record.set_content_low(identity.hash_low());
    for (int i = 0; i < event.percepts_size(); ++i) {
      storage::v1::PerceptRecord& percept = *event.mutable_percepts(i);
      if (!Concerns(percept)) continue;
      counts_.bytes += percept.text().size();
      percept.clear_text();
      percept.set_dropped_ns(now_ns_);
      ++counts_.percepts;
      if (!percept.apart() || i >= payload.percepts_size()) continue;
      const size_t bytes = payload.percepts(i).data().size() + payload.percepts(i).times_s().size();
      counts_.bytes += bytes;
      batched_bytes_ += bytes;
      payload.mutable_percepts(i)->Clear();
      payload.mutable_percepts(i)->set_dropped(true);
    }
    db_.Put(Family::kLog, keys::Number(seq), record, batch_);
    if (apart) db_.Put(Family::kPayloads, keys::Number(seq), payload, batch_);
    ++counts_.events;
    ++batched_;
    if (first_ == 0) first_ = seq;
    last_ = seq;
    return absl::OkStatus();
  }

  const Database::Impl& db_;
  const RetentionRule& rule_;
  const int64_t now_ns_;
  const Stretch pending_;
  RetentionCounts& counts_;
  Seq cursor_ = 0;  // looked at up to here
  Seq stored_ = 0;
  Seq first_ = 0;  // that lost a payload
  Seq last_ = 0;
  rocksdb::WriteBatch batch_;
  size_t batched_ = 0;
  size_t batched_bytes_ = 0;
};

// Files that hold these entries, without what was dropped.
absl::Status RewriteFiles(const Database::Impl& db, Seq first, Seq last, std::atomic<bool>& stop) {
  MM_RETURN_IF_ERROR(FlushAll(db));
  const std::string begin = keys::Number(first);
  const std::string end = keys::Number(last + 1);
  const rocksdb::Slice lower(begin);
  const rocksdb::Slice upper(end);
  absl::Status rewritten;  // what is damaged does not keep the rest
  for (const Family family : {Family::kLog, Family::kPayloads}) {
    const absl::Status one = RewriteFamily(db, db.handle(family), &lower, &upper, &stop);
    if (absl::IsCancelled(one)) return one;
    rewritten.Update(one);
  }
  return rewritten;
}

absl::Status Unreadable(std::string_view rule, std::string_view fact) {
  return absl::InvalidArgumentError(
      absl::StrCat("rule '", std::string(rule), "': ", std::string(fact),
                   "; give MODALITY[@SOURCE]=AGE such as image=720h or *@door=24h"));
}

}  // namespace

absl::StatusOr<std::vector<RetentionRule>> ParseRetention(std::string_view text) {
  std::vector<RetentionRule> rules;
  for (const absl::string_view part :
       absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const std::string rule(absl::StripAsciiWhitespace(part));
    if (rule.empty()) continue;
    const size_t equals = rule.rfind('=');
    if (equals == std::string::npos) return Unreadable(rule, "it has no age");
    const std::string subject = rule.substr(0, equals);
    const size_t at = subject.find('@');
    RetentionRule read{.modality = subject.substr(0, at),
                       .source = at == std::string::npos ? "" : subject.substr(at + 1),
                       .age = {}};
    if (read.modality.empty()) return Unreadable(rule, "it has no modality; * is any");
    if (at != std::string::npos && read.source.empty()) return Unreadable(rule, "no source");
    if (read.modality == "*") read.modality.clear();
    if (!absl::ParseDuration(rule.substr(equals + 1), &read.age) ||
        read.age <= absl::ZeroDuration() || read.age == absl::InfiniteDuration()) {
      return Unreadable(rule, "its age is no time above 0");
    }
    rules.push_back(std::move(read));
  }
  return rules;
}

absl::StatusOr<RetentionCounts> DropPayloads(Database* database,
                                             std::span<const RetentionRule> rules, absl::Time now,
                                             std::atomic<bool>& stop) {
  const Database::Impl& db = database->impl();
  RetentionCounts counts;
  // The mark holds a checksum of its entry: that one, and what may become the next, stay.
  const std::optional<Mark> mark = ReadMark(MarkPath(db));
  if (!mark) return counts;
  MM_ASSIGN_OR_RETURN(Stretch rewrite, ReadRewrite(db));
  for (const RetentionRule& rule : rules) {
    MM_ASSIGN_OR_RETURN(rewrite, Dropper(db, rule, now, rewrite, counts).Run(mark->last_seq, stop));
  }
  if (rewrite.first == 0 || stop) return counts;
  const absl::Status rewritten = RewriteFiles(db, rewrite.first, rewrite.last, stop);
  if (absl::IsCancelled(rewritten)) return counts;  // the next call goes on
  MM_RETURN_IF_ERROR(rewritten);
  rocksdb::WriteBatch batch;
  batch.Delete(db.handle(Family::kMeta), RewriteKey()).PermitUncheckedError();
  MM_RETURN_IF_ERROR(db.Write(batch, WriteMode::kSynced, "end of retention not stored"));
  return counts;
}

}  // namespace mixmatch
