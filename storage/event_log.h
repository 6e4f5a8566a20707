// The event log: every event, once, durable before it is acknowledged; with its features, its
// secondary keys, and the registry of modalities.
//
// Takes validated events with features from the server; gives log entries to binding, features to
// embedding and learning, events to answers. Deliberately knows nothing of episodes and embeddings.
//
// Invariants:
//   1. An event's write is synced before Append returns it as stored.
//   2. (source, event_id) is stored once.
//   3. Ingest times never fall as sequence numbers rise.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/event.h"
#include "core/base/ids.h"
#include "core/episodes/binder.h"
#include "core/generations/percept_source.h"
#include "core/senses/features.h"
#include "storage/database.h"

namespace mixmatch {

// An event on its way into the log; one Features for each percept.
struct PendingEvent {
  Event event;
  std::vector<Features> features;
};

enum class AppendOutcome { kStored, kDuplicate, kRejected };

struct AppendResult {
  AppendOutcome outcome = AppendOutcome::kRejected;
  Seq seq = 0;
  // When rejected: ALREADY_EXISTS (field "event_id"), or INVALID_ARGUMENT when a percept does not
  // fit its modality's kind or shape (field "percepts[i].modality", "percepts[i].vector", …).
  absl::Status error;
};

// An event as stored. `event.percepts` has its payloads emptied (kinds, media types, shapes and
// texts up to 1 KiB are kept) unless it was read with Detail::kFull.
struct LoggedEvent {
  Event event;
  Seq seq = 0;
  absl::Time ingest_time;
};

enum class Detail { kHeader, kFull };

// Conditions that must all hold; within a list any entry suffices. See mixmatch.v1.Filter.
struct EventFilter {
  std::optional<absl::Time> time_start, time_end;      // [start, end)
  std::optional<absl::Time> ingest_start, ingest_end;  // [start, end)
  std::vector<std::string> modalities;
  std::vector<std::string> sources;
  std::vector<std::string> scenes;
  std::vector<std::pair<std::string, std::vector<std::string>>> metadata;
  // Skills, and labels that they were taught about the event; none: anything.
  std::vector<std::pair<std::string, std::vector<std::string>>> taught;

  bool empty() const {
    return !time_start && !time_end && !ingest_start && !ingest_end && modalities.empty() &&
           sources.empty() && scenes.empty() && metadata.empty() && taught.empty();
  }
};

struct RegisteredModality {
  ModalityId id = 0;
  ModalitySpec spec;
  uint64_t percept_count = 0;
};

// Thread-safety: Safe for concurrent use; one thread at a time appends.
class EventLog final : public PerceptSource {
 public:
  // Borrows the database, which must outlive it.
  static absl::StatusOr<std::unique_ptr<EventLog>> Open(Database* database);
  ~EventLog() override;

  // Stores events in one synced write, with their features and secondary keys; registers new
  // modalities. One result for each event, in order; one bad event does not harm the others. The
  // events are consumed. `now` is the ingest time. Returns an error only when the write itself
  // failed, and then nothing is stored: RESOURCE_EXHAUSTED when the disk is full.
  absl::StatusOr<std::vector<AppendResult>> Append(std::vector<PendingEvent> events,
                                                   absl::Time now);
  // Writes records that binding reads, in one synced write: scenes fell silent, or a new binding
  // configuration. Returns the sequence number of the last. Requires at least one scene.
  absl::StatusOr<Seq> AppendIdleCloses(const std::vector<std::string>& scenes, absl::Time now);
  absl::StatusOr<Seq> AppendBindingConfig(const BindingConfig& config, absl::Time now);

  Seq last_seq() const override;
  // How long the last Append waited for the disk, and for who wrote then; 0: it stored nothing.
  absl::Duration last_write_time() const;
  uint64_t event_count() const;

  // Reads log entries from `first` on, at most `limit`, in sequence order, without payloads.
  absl::Status ScanEntries(Seq first, size_t limit, std::vector<LogEntry>& entries) const;

  // One event. NOT_FOUND, DATA_LOSS.
  absl::StatusOr<LoggedEvent> Get(Seq seq, Detail detail) const;
  // Headers of many events, one for each of `events`; read at once. NOT_FOUND, DATA_LOSS of each.
  std::vector<absl::StatusOr<LoggedEvent>> GetHeaders(std::span<const Seq> events) const;
  // Sequence number of an event. NOT_FOUND.
  absl::StatusOr<Seq> Find(const std::string& source, const std::string& event_id) const;
  // Events that pass `filter` with sequence numbers above `after` (below it when descending; 0
  // means from the end), in that order, at most `limit`.
  absl::StatusOr<std::vector<LoggedEvent>> List(const EventFilter& filter, Seq after, size_t limit,
                                                bool descending, Detail detail) const;
  // Sequence numbers of the events that pass, sorted; from the secondary keys. Cost: proportional
  // to the entries of the conditions' keys.
  absl::StatusOr<std::vector<Seq>> Resolve(const EventFilter& filter) const;

  // The times of events, in the order asked; InfinitePast where there is no event. Kept in memory
  // from the first call on, 8 bytes an event.
  absl::StatusOr<std::vector<absl::Time>> TimesOf(std::span<const Seq> events) const;

  // Stored features of one event's percepts, in order, with their modalities.
  absl::StatusOr<std::vector<StoredPercept>> EventPercepts(Seq seq) const;
  absl::Status ScanPercepts(Seq first, size_t percepts_max, std::vector<StoredPercept>& percepts,
                            Seq& next) const override;

  // Registered modalities, by id.
  std::vector<RegisteredModality> Modalities() const;
  // The modality of that name. NOT_FOUND.
  absl::StatusOr<RegisteredModality> FindModality(const std::string& name) const;

 private:
  class Impl;
  explicit EventLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixmatch
