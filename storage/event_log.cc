// Writes through EventAppender, reads through EventReader and EventFilterResolver.
#include "storage/event_log.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "core/base/status.h"
#include "core/base/steady_now.h"
#include "storage/check/rebuild.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/database_impl.h"
#include "storage/event_appender.h"
#include "storage/event_filter.h"
#include "storage/event_reader.h"
#include "storage/high_water_mark.h"
#include "storage/keys.h"
#include "storage/log_mark.h"
#include "storage/many_values.h"
#include "storage/modality_registry.h"
#include "storage/posting_cache.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

absl::Status NoSuchEvent(Seq seq) {
  return absl::NotFoundError(
      absl::StrCat("event not found: no event has sequence ", seq, "; check the number"));
}

}  // namespace

class EventLog::Impl {
 public:
  explicit Impl(Database::Impl* database) : db(*database), reader(*database), postings(database) {}

  // Takes up the counters and the end of the log.
  absl::Status Load();
  absl::StatusOr<uint64_t> CountEvents() const;
  // Writes records that are no events, at once. Returns the number of the last.
  absl::StatusOr<Seq> AppendRecords(std::span<storage::v1::LogRecord> records, absl::Time now,
                                    std::string_view what);
  // The time of the next entry: never before that of the last one.
  absl::Time NextIngestTime(absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(append_mu) {
    return std::max(now, last_ingest);
  }
  const Database::Impl& db;
  const EventReader reader;
  PostingCache postings;
  ModalityRegistry registry;
  // What readers see: the end of what is written.
  std::atomic<Seq> last_seq{0};
  std::atomic<uint64_t> event_count{0};
  bool forgot = false;  // anything, ever; set once

  std::atomic<int64_t> write_time_ns = 0;
  absl::Mutex append_mu;  // held across the write: one thread at a time appends
  // Numbers are used once, also by a write that failed: it may come back with the log.
  Seq next_seq ABSL_GUARDED_BY(append_mu) = 1;
  absl::Time last_ingest ABSL_GUARDED_BY(append_mu) = absl::InfinitePast();
  ChainEnd end ABSL_GUARDED_BY(append_mu);

  std::optional<MarkKeeper> mark_keeper;  // last, so that its thread ends first
};

absl::Status EventLog::Impl::Load() {
  MM_RETURN_IF_ERROR(registry.Load(db));
  storage::v1::CountersRecord counters;
  absl::Status status = db.Get(Family::kMeta, keys::kCounters, counters);
  if (absl::IsDataLoss(status)) {
    MM_ASSIGN_OR_RETURN(event_count, CountEvents());
  } else if (status.ok()) {
    event_count = counters.event_count();
  } else if (!absl::IsNotFound(status)) {
    return status;
  }
  const auto forgotten = db.Iterate(Family::kIdentity);
  forgotten->Seek(keys::ForgottenPrefix());
  MM_RETURN_IF_ERROR(FromRocks(forgotten->status(), "identities not read"));
  forgot = forgotten->Valid() && keys::IsForgottenIdentity(forgotten->key().ToStringView());
  const auto it = db.Iterate(Family::kLog);
  it->SeekToLast();
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "log not read"));
  if (it->Valid()) {
    const std::string_view key = it->key().ToStringView();
    last_seq = keys::LastNumber(key);
    const absl::MutexLock lock(&append_mu);
    next_seq = last_seq + 1;
    // A damaged last entry is reported when it is read; the log goes on behind it.
    storage::v1::LogRecord record;
    if (codec::Decode("log", key, it->value().ToStringView(), record).ok()) {
      last_ingest = codec::FromNanos(record.ingest_time_ns());
      end = {.seq = last_seq, .link = record.link()};
    }
  }
  MM_RETURN_IF_ERROR(CheckMark(db, last_seq));
  mark_keeper.emplace(MarkPath(db), [this] { return MarkOf(db, last_seq); });
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> EventLog::Impl::CountEvents() const {
  const auto it = db.Iterate(Family::kByTime);  // one key for each event
  uint64_t count = 0;
  for (it->SeekToFirst(); it->Valid(); it->Next()) ++count;
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "events not counted"));
  return count;
}

absl::StatusOr<Seq> EventLog::Impl::AppendRecords(std::span<storage::v1::LogRecord> records,
                                                  absl::Time now, std::string_view what) {
  const absl::MutexLock lock(&append_mu);
  const absl::Time ingest = NextIngestTime(now);
  ChainEnd next = end;
  rocksdb::WriteBatch batch;
  for (storage::v1::LogRecord& record : records) {
    record.set_ingest_time_ns(codec::ToNanos(ingest));
    const Seq seq = next_seq++;
    Hang(seq, {}, record, next);
    db.Put(Family::kLog, keys::Number(seq), record, batch);
  }
  MM_RETURN_IF_ERROR(db.Write(batch, WriteMode::kSynced, what));
  last_ingest = ingest;
  end = next;
  last_seq = next_seq - 1;
  return last_seq;
}

EventLog::EventLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLog::~EventLog() = default;

absl::StatusOr<std::unique_ptr<EventLog>> EventLog::Open(Database* database) {
  // With keys missing, filters would pass some of the events only.
  MM_RETURN_IF_ERROR(FinishRebuild(database, [](std::string_view, uint64_t) {}));
  auto impl = std::make_unique<Impl>(&database->impl());
  MM_RETURN_IF_ERROR(impl->Load());
  return std::unique_ptr<EventLog>(new EventLog(std::move(impl)));
}

absl::StatusOr<std::vector<AppendResult>> EventLog::Append(std::vector<PendingEvent> events,
                                                           absl::Time now) {
  Impl& log = *impl_;
  const absl::MutexLock lock(&log.append_mu);
  log.write_time_ns = 0;
  const absl::Time ingest = log.NextIngestTime(now);
  EventAppender appender(log.db, *log.registry.table(), log.next_seq, log.end, ingest);
  MM_RETURN_IF_ERROR(appender.LoadIdentities(events, log.forgot));
  std::vector<AppendResult> results;
  results.reserve(events.size());
  for (PendingEvent& pending : events) results.push_back(appender.Add(std::move(pending)));
  if (appender.stored_count() == 0) return results;

  storage::v1::CountersRecord counters;
  counters.set_event_count(log.event_count + appender.stored_count());
  log.db.Put(Family::kMeta, keys::kCounters, counters, appender.batch());
  log.registry.PutChanges(log.db, appender.modalities(), appender.batch());
  log.next_seq = appender.next_seq();
  const absl::Time begun = SteadyNow();
  const absl::Status written =
      log.db.Write(appender.batch(), WriteMode::kSynced, "events not stored");
  log.write_time_ns = absl::ToInt64Nanoseconds(SteadyNow() - begun);
  if (!written.ok()) {
    // The ids that it would have given stay unused, for the same reason as its sequence numbers.
    ModalityTable unchanged = *log.registry.table();
    unchanged.next_id = appender.modalities().next_id;
    log.registry.Publish(std::move(unchanged));
    return written;
  }
  log.registry.Publish(std::move(appender.modalities()));
  log.last_ingest = ingest;
  log.end = appender.end();
  log.event_count += appender.stored_count();
  log.last_seq = log.next_seq - 1;
  return results;
}

absl::StatusOr<Seq> EventLog::AppendIdleCloses(const std::vector<std::string>& scenes,
                                               absl::Time now) {
  std::vector<storage::v1::LogRecord> records(scenes.size());
  for (size_t i = 0; i < scenes.size(); ++i) records[i].mutable_idle_close()->set_scene(scenes[i]);
  return impl_->AppendRecords(records, now, "idle records not stored");
}

absl::StatusOr<Seq> EventLog::AppendBindingConfig(const BindingConfig& config, absl::Time now) {
  storage::v1::LogRecord record;
  codec::EncodeBindingConfig(config, *record.mutable_binding_config());
  return impl_->AppendRecords({&record, 1}, now, "binding configuration not stored");
}

Seq EventLog::last_seq() const { return impl_->last_seq; }

absl::Duration EventLog::last_write_time() const {
  return absl::Nanoseconds(impl_->write_time_ns.load());
}

uint64_t EventLog::event_count() const { return impl_->event_count; }

absl::Status EventLog::ScanEntries(Seq first, size_t limit, std::vector<LogEntry>& entries) const {
  // Entries behind the published end may be written and not yet counted.
  const std::string end = keys::Number(last_seq() + 1);
  const rocksdb::Slice upper(end);
  const auto it = impl_->db.Iterate(Family::kLog, &upper);
  size_t count = 0;
  for (it->Seek(keys::Number(first)); it->Valid() && count < limit; it->Next(), ++count) {
    storage::v1::LogRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("log", key, it->value().ToStringView(), record));
    const absl::Status status =
        codec::DecodeLogEntry(keys::LastNumber(key), record, entries.emplace_back());
    if (!status.ok()) {
      return codec::Damaged("log", key,
                            std::string_view(status.message().data(), status.message().size()));
    }
  }
  return FromRocks(it->status(), "log not read");
}

absl::StatusOr<LoggedEvent> EventLog::Get(Seq seq, Detail detail) const {
  storage::v1::LogRecord record;
  const absl::Status status = impl_->db.Get(Family::kLog, keys::Number(seq), record);
  if (absl::IsNotFound(status)) return NoSuchEvent(seq);
  MM_RETURN_IF_ERROR(status);
  if (!record.has_event()) return NoSuchEvent(seq);
  return impl_->reader.ReadEvent(seq, record, detail);
}

std::vector<absl::StatusOr<LoggedEvent>> EventLog::GetHeaders(std::span<const Seq> events) const {
  const ManyValues values(impl_->db, Family::kLog, keys::Numbers(events));
  std::vector<absl::StatusOr<LoggedEvent>> headers;
  headers.reserve(events.size());
  storage::v1::LogRecord record;
  for (size_t i = 0; i < events.size(); ++i) {
    const absl::Status read = values.IsMissing(i) ? NoSuchEvent(events[i]) : values.Read(i, record);
    if (!read.ok()) {
      headers.emplace_back(read);
    } else if (!record.has_event()) {
      headers.emplace_back(NoSuchEvent(events[i]));
    } else {
      headers.push_back(impl_->reader.ReadEvent(events[i], record, Detail::kHeader));
    }
  }
  return headers;
}

absl::StatusOr<Seq> EventLog::Find(const std::string& source, const std::string& event_id) const {
  storage::v1::IdentityRecord record;
  const absl::Status status =
      impl_->db.Get(Family::kIdentity, keys::Identity(source, event_id), record);
  if (absl::IsNotFound(status)) {
    return absl::NotFoundError(absl::StrCat("event not found: '", event_id, "' of source '", source,
                                            "' is not stored; check both names"));
  }
  MM_RETURN_IF_ERROR(status);
  return record.seq();
}

absl::StatusOr<std::vector<LoggedEvent>> EventLog::List(const EventFilter& filter, Seq after,
                                                        size_t limit, bool descending,
                                                        Detail detail) const {
  if (filter.empty()) return impl_->reader.ListAll(after, limit, descending, detail);
  SeqRange range{.first = 1, .last = last_seq()};
  if (!descending) range.first = after + 1;
  if (descending && after > 0) range.last = std::min(range.last, after - 1);
  const auto table = impl_->registry.table();
  MM_ASSIGN_OR_RETURN(
      std::vector<Seq> passing,
      EventFilterResolver(impl_->db, &impl_->postings, *table).Resolve(filter, range));
  if (descending) std::reverse(passing.begin(), passing.end());
  passing.resize(std::min(passing.size(), limit));
  std::vector<LoggedEvent> events;
  for (const Seq seq : passing) {
    MM_ASSIGN_OR_RETURN(events.emplace_back(), Get(seq, detail));
  }
  return events;
}

absl::StatusOr<std::vector<Seq>> EventLog::Resolve(const EventFilter& filter) const {
  const auto table = impl_->registry.table();
  return EventFilterResolver(impl_->db, &impl_->postings, *table)
      .Resolve(filter, SeqRange{.first = 1, .last = last_seq()});
}

absl::StatusOr<std::vector<absl::Time>> EventLog::TimesOf(std::span<const Seq> events) const {
  return impl_->postings.TimesOf(events, last_seq());
}

absl::StatusOr<std::vector<StoredPercept>> EventLog::EventPercepts(Seq seq) const {
  if (seq > last_seq()) return NoSuchEvent(seq);  // written perhaps, its modalities not yet known
  const std::string end = keys::Number(seq + 1);
  const rocksdb::Slice upper(end);
  const auto it = impl_->db.Iterate(Family::kFeatures, &upper);
  const auto table = impl_->registry.table();
  std::vector<StoredPercept> percepts;
  for (it->Seek(keys::Number(seq)); it->Valid(); it->Next()) {
    MM_ASSIGN_OR_RETURN(
        percepts.emplace_back(),
        impl_->reader.ReadPercept(it->key().ToStringView(), it->value().ToStringView(), *table));
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "features not read"));
  if (percepts.empty()) return NoSuchEvent(seq);
  return percepts;
}

absl::Status EventLog::ScanPercepts(Seq first, size_t percepts_max,
                                    std::vector<StoredPercept>& percepts, Seq& next) const {
  const Seq last = last_seq();
  const std::string end = keys::Number(last + 1);
  const rocksdb::Slice upper(end);
  const auto it = impl_->db.Iterate(Family::kFeatures, &upper);
  const auto table = impl_->registry.table();
  size_t count = 0;
  Seq current = 0;
  for (it->Seek(keys::Number(first)); it->Valid(); it->Next(), ++count) {
    const std::string_view key = it->key().ToStringView();
    const Seq seq = keys::FeaturesSeq(key);
    if (seq != current && count >= percepts_max) {
      next = seq;
      return absl::OkStatus();
    }
    current = seq;
    MM_ASSIGN_OR_RETURN(percepts.emplace_back(),
                        impl_->reader.ReadPercept(key, it->value().ToStringView(), *table));
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "features not read"));
  next = std::max(first, last + 1);
  return absl::OkStatus();
}

std::vector<RegisteredModality> EventLog::Modalities() const {
  const auto table = impl_->registry.table();
  std::vector<RegisteredModality> modalities;
  for (const auto& [name, modality] : table->by_name) modalities.push_back(modality);
  std::sort(modalities.begin(), modalities.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return modalities;
}

absl::StatusOr<RegisteredModality> EventLog::FindModality(const std::string& name) const {
  const auto table = impl_->registry.table();
  const auto found = table->by_name.find(name);
  if (found == table->by_name.end()) {
    return absl::NotFoundError(
        absl::StrCat("modality not found: '", name, "' is not registered; send a percept of it"));
  }
  return found->second;
}

}  // namespace mixmatch
