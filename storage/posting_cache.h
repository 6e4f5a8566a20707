// What secondary keys say, kept in memory: the sorted sequence numbers behind one prefix, and the
// times of all events. Filters of recall ask for the same few again and again, and a prefix that
// half of a million events have takes a tenth of a second to read.
//
// The log only grows while it is open (events are forgotten before it opens), so a list is never
// wrong, only short: what came since is read and put behind it.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "storage/database_impl.h"

namespace mixmatch {

using SeqList = std::vector<Seq>;

// Thread-safety: Safe for concurrent use. Borrows the database.
class PostingCache {
 public:
  // Lists of more than `bytes_max` together are read anew when they are asked for, the ones that
  // were asked for longest ago first.
  explicit PostingCache(const Database::Impl* database, size_t bytes_max = 64 << 20)
      : database_(*database), bytes_max_(bytes_max) {}

  // Sequence numbers behind `prefix` up to `last`, sorted, and perhaps some behind it. `last` is
  // at most the log's end. Reads what is not known yet.
  absl::StatusOr<std::shared_ptr<const SeqList>> Postings(Family family, const std::string& prefix,
                                                          Seq last);

  // Events of [first, last] with times of [start_ns, end_ns), sorted.
  absl::StatusOr<SeqList> ByTime(int64_t start_ns, int64_t end_ns, Seq first, Seq last);

  // The times of events up to `last`, in the order asked; InfinitePast where there is no event.
  absl::StatusOr<std::vector<absl::Time>> TimesOf(std::span<const Seq> events, Seq last);

  // Of memory that lists take, about; and how many are kept.
  size_t bytes() const;
  size_t entries() const;

 private:
  using Key = std::pair<Family, std::string>;
  struct Entry {
    std::shared_ptr<const SeqList> seqs;
    Seq upto = 0;  // all up to here are in it
    std::list<Key>::iterator used;
  };

  void Keep(const Key& key, const std::shared_ptr<const SeqList>& seqs, Seq upto)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Reads the times of all events up to `last`, or of those behind what is known.
  absl::Status ReadTimes(Seq last);

  const Database::Impl& database_;
  const size_t bytes_max_;
  mutable absl::Mutex mu_;
  std::map<Key, Entry> entries_ ABSL_GUARDED_BY(mu_);
  std::list<Key> by_use_ ABSL_GUARDED_BY(mu_);  // the last used first
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;

  absl::Mutex times_mu_;
  // Of the event with sequence number i + 1; the smallest number where there is none.
  std::vector<int64_t> times_ns_ ABSL_GUARDED_BY(times_mu_);
};

}  // namespace mixmatch
