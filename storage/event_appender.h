// The write path of the event log: from pending events to one synced batch.
//
// Takes validated events; gives results in order. Reads nothing but identities.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/hash.h"
#include "storage/database_impl.h"
#include "storage/event_log.h"
#include "storage/log_chain.h"
#include "storage/modality_registry.h"

namespace mixmatch {

// One batch on its way: made, filled event by event, written, forgotten.
// Thread-safety: Not thread-safe: one owner thread.
class EventAppender {
 public:
  // `modalities` is a copy of the registry that the batch may change; `next_seq` the first free
  // sequence number; `end` what the first event hangs on.
  EventAppender(const Database::Impl& database, ModalityTable modalities, Seq next_seq,
                const ChainEnd& end, absl::Time ingest_time)
      : database_(database),
        modalities_(std::move(modalities)),
        next_seq_(next_seq),
        end_(end),
        ingest_time_(ingest_time) {}

  // Looks up the identities of all events in one go; `forgotten`: also whether they were forgotten.
  // DATA_LOSS.
  absl::Status LoadIdentities(const std::vector<PendingEvent>& events, bool forgotten);

  // Adds one event to the batch, or says why not. Its features are consumed.
  AppendResult Add(PendingEvent pending);

  rocksdb::WriteBatch& batch() { return batch_; }
  ModalityTable& modalities() { return modalities_; }
  Seq next_seq() const { return next_seq_; }
  const ChainEnd& end() const { return end_; }
  uint64_t stored_count() const { return stored_count_; }

 private:
  struct Identity {
    Seq seq = 0;
    ContentHash hash;
  };

  absl::Status LoadForgotten(const std::vector<PendingEvent>& events);
  void PutEvent(Seq seq, PendingEvent& pending, const ContentHash& hash,
                const std::vector<ModalityId>& ids);
  void PutSecondaryKeys(Seq seq, const Event& event, const std::vector<ModalityId>& ids);

  const Database::Impl& database_;
  ModalityTable modalities_;
  Seq next_seq_;
  ChainEnd end_;
  const absl::Time ingest_time_;
  uint64_t stored_count_ = 0;
  rocksdb::WriteBatch batch_;
  absl::flat_hash_map<std::string, Identity> identities_;  // stored before, or in this batch
  absl::flat_hash_set<std::string> forgotten_;             // names among the events
};

}  // namespace mixmatch
