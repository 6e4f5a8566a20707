// Reads events and percepts of the log from their records.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "core/generations/percept_source.h"
#include "storage/database_impl.h"
#include "storage/event_log.h"
#include "storage/modality_registry.h"
#include "storage/records.pb.h"

namespace mixmatch {

// Thread-safety: Immutable; safe to share. Borrows the database.
class EventReader {
 public:
  explicit EventReader(const Database::Impl& database) : database_(database) {}

  // The event of a log record that has one. DATA_LOSS.
  absl::StatusOr<LoggedEvent> ReadEvent(Seq seq, const storage::v1::LogRecord& record,
                                        Detail detail) const;
  // The percept of a value of the family "features". DATA_LOSS.
  absl::StatusOr<StoredPercept> ReadPercept(std::string_view key, std::string_view value,
                                            const ModalityTable& table) const;
  // As EventLog::List without a filter.
  absl::StatusOr<std::vector<LoggedEvent>> ListAll(Seq after, size_t limit, bool descending,
                                                   Detail detail) const;

 private:
  const Database::Impl& database_;
};

}  // namespace mixmatch
