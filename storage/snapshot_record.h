// Between what a copy of the memory is said to hold and its record; for this folder alone.
#pragma once

#include "absl/time/time.h"
#include "storage/snapshots.h"
#include "storage/snapshots.pb.h"

namespace mixmatch {

// Without files.
inline storage::v1::SnapshotRecord RecordOf(const SnapshotFacts& facts) {
  storage::v1::SnapshotRecord record;
  record.set_create_time_ns(absl::ToUnixNanos(facts.create_time));
  record.set_last_seq(facts.last_seq);
  record.set_event_count(facts.event_count);
  record.set_generation(facts.generation);
  record.set_program_version(facts.program_version);
  return record;
}

inline SnapshotFacts FactsOf(const storage::v1::SnapshotRecord& record) {
  return {.create_time = absl::FromUnixNanos(record.create_time_ns()),
          .last_seq = record.last_seq(),
          .event_count = record.event_count(),
          .generation = record.generation(),
          .program_version = record.program_version()};
}

}  // namespace mixmatch
