// Which events pass a filter, from the secondary keys.
//
// Each condition gives a sorted list of sequence numbers; the lists are intersected, the shortest
// first. Never reads payloads; reads headers only where the ingest time is the sole condition.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/database_impl.h"
#include "storage/event_log.h"
#include "storage/modality_registry.h"
#include "storage/posting_cache.h"

namespace mixmatch {

// Sequence numbers, both ends inside. Empty when first > last.
struct SeqRange {
  Seq first = 1;
  Seq last = 0;
};

// Thread-safety: Immutable; safe to share. Borrows all three, for the time of a call.
class EventFilterResolver {
 public:
  EventFilterResolver(const Database::Impl& database, PostingCache* postings,
                      const ModalityTable& modalities)
      : database_(database), postings_(*postings), modalities_(modalities) {}

  // Events of `range` that pass, sorted.
  absl::StatusOr<SeqList> Resolve(const EventFilter& filter, SeqRange range) const;

 private:
  // The part of `range` whose ingest times pass, by binary search on the log.
  absl::StatusOr<SeqRange> ClipByIngest(const EventFilter& filter, SeqRange range) const;
  // First entry in `range` with an ingest time of at least `time`; range.last + 1 when none has.
  absl::StatusOr<Seq> FirstIngestedAt(absl::Time time, SeqRange range) const;
  // Events in `range` whose times pass, all of them where none are asked for.
  absl::StatusOr<SeqList> ByTime(const EventFilter& filter, SeqRange range) const;
  // The union over `prefixes` of the entries in `range`.
  absl::StatusOr<SeqList> ByPrefixes(Family family, const std::vector<std::string>& prefixes,
                                     SeqRange range) const;

  // Events that the skill was taught with one of the labels, or with anything where there are none.
  absl::StatusOr<SeqList> ByTeachings(const std::string& skill,
                                      const std::vector<std::string>& labels, SeqRange range) const;

  const Database::Impl& database_;
  PostingCache& postings_;
  const ModalityTable& modalities_;
};

}  // namespace mixmatch
