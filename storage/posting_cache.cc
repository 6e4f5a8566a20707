// Lists are replaced, never changed: who holds one goes on with it.
#include "storage/posting_cache.h"

#include <algorithm>
#include <limits>

#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

constexpr int64_t kNoEvent = std::numeric_limits<int64_t>::min();
// Of memory that an entry takes beside its key, which is held twice, and its numbers.
constexpr size_t kEntryBytes = 256;

size_t BytesOf(const std::pair<Family, std::string>& key, const SeqList& seqs) {
  return seqs.size() * sizeof(Seq) + 2 * key.second.size() + kEntryBytes;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const SeqList>> PostingCache::Postings(Family family,
                                                                      const std::string& prefix,
                                                                      Seq last) {
  const Key key(family, prefix);
  std::shared_ptr<const SeqList> known;
  Seq upto = 0;
  {
    const absl::MutexLock lock(&mu_);
    const auto found = entries_.find(key);
    if (found != entries_.end()) {
      by_use_.splice(by_use_.begin(), by_use_, found->second.used);
      if (found->second.upto >= last) return found->second.seqs;
      known = found->second.seqs;
      upto = found->second.upto;
    }
  }
  SeqList fresh;
  const std::string end = keys::WithSeq(prefix, last + 1);
  const rocksdb::Slice upper(end);
  const auto it = database_.Iterate(family, &upper);
  for (it->Seek(keys::WithSeq(prefix, upto + 1)); it->Valid(); it->Next()) {
    fresh.push_back(keys::LastNumber(it->key().ToStringView()));
  }
  absl::Status status = FromRocks(it->status(), "secondary keys not read");
  if (!status.ok()) return status;
  std::shared_ptr<const SeqList> seqs = known;
  if (known == nullptr || !fresh.empty()) {
    auto both = std::make_shared<SeqList>();
    both->reserve((known == nullptr ? 0 : known->size()) + fresh.size());
    if (known != nullptr) *both = *known;
    both->insert(both->end(), fresh.begin(), fresh.end());
    seqs = std::move(both);
  }
  const absl::MutexLock lock(&mu_);
  Keep(key, seqs, last);
  return seqs;
}

size_t PostingCache::bytes() const {
  const absl::MutexLock lock(&mu_);
  return bytes_;
}

size_t PostingCache::entries() const {
  const absl::MutexLock lock(&mu_);
  return entries_.size();
}

void PostingCache::Keep(const Key& key, const std::shared_ptr<const SeqList>& seqs, Seq upto) {
  const auto [found, added] = entries_.try_emplace(key);
  Entry& entry = found->second;
  if (added) {
    by_use_.push_front(key);
    entry.used = by_use_.begin();
  } else {
    if (entry.upto >= upto) return;  // another thread was faster
    bytes_ -= BytesOf(key, *entry.seqs);
  }
  entry.seqs = seqs;
  entry.upto = upto;
  bytes_ += BytesOf(key, *seqs);
  while (bytes_ > bytes_max_ && by_use_.size() > 1) {
    const auto oldest = entries_.find(by_use_.back());
    bytes_ -= BytesOf(oldest->first, *oldest->second.seqs);
    entries_.erase(oldest);
    by_use_.pop_back();
  }
}

absl::Status PostingCache::ReadTimes(Seq last) {
  {
    const absl::ReaderMutexLock lock(&times_mu_);
    if (times_ns_.size() >= last) return absl::OkStatus();
  }
  const absl::MutexLock lock(&times_mu_);
  const Seq known = times_ns_.size();
  if (known >= last) return absl::OkStatus();
  std::vector<int64_t> times(last - known, kNoEvent);
  if (known == 0) {
    const auto it = database_.Iterate(Family::kByTime);
    for (it->SeekToFirst(); it->Valid(); it->Next()) {
      const std::string_view key = it->key().ToStringView();
      const Seq seq = keys::LastNumber(key);
      if (seq >= 1 && seq <= last) times[seq - 1] = keys::TimeOf(key);
    }
    absl::Status status = FromRocks(it->status(), "events not read by time");
    if (!status.ok()) return status;
  } else {
    const std::string end = keys::Number(last + 1);
    const rocksdb::Slice upper(end);
    const auto it = database_.Iterate(Family::kLog, &upper);
    for (it->Seek(keys::Number(known + 1)); it->Valid(); it->Next()) {
      storage::v1::LogRecord record;
      const std::string_view key = it->key().ToStringView();
      absl::Status status = codec::Decode("log", key, it->value().ToStringView(), record);
      if (!status.ok()) return status;
      if (record.has_event()) times[keys::LastNumber(key) - known - 1] = record.event().time_ns();
    }
    absl::Status status = FromRocks(it->status(), "log not read");
    if (!status.ok()) return status;
  }
  times_ns_.insert(times_ns_.end(), times.begin(), times.end());
  return absl::OkStatus();
}

absl::StatusOr<SeqList> PostingCache::ByTime(int64_t start_ns, int64_t end_ns, Seq first,
                                             Seq last) {
  absl::Status status = ReadTimes(last);
  if (!status.ok()) return status;
  SeqList events;
  const absl::ReaderMutexLock lock(&times_mu_);
  for (Seq seq = std::max<Seq>(first, 1); seq <= last; ++seq) {
    const int64_t time = times_ns_[seq - 1];
    if (time >= start_ns && time < end_ns && time != kNoEvent) events.push_back(seq);
  }
  return events;
}

absl::StatusOr<std::vector<absl::Time>> PostingCache::TimesOf(std::span<const Seq> events,
                                                              Seq last) {
  absl::Status status = ReadTimes(last);
  if (!status.ok()) return status;
  std::vector<absl::Time> times;
  times.reserve(events.size());
  const absl::ReaderMutexLock lock(&times_mu_);
  for (const Seq seq : events) {
    const bool known = seq >= 1 && seq <= last && times_ns_[seq - 1] != kNoEvent;
    times.push_back(known ? codec::FromNanos(times_ns_[seq - 1]) : absl::InfinitePast());
  }
  return times;
}

}  // namespace mixmatch
