// Prefix scans, unions and intersections of sorted lists.
#include "storage/event_filter.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/event_codec.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

// Nanoseconds of the first stored instant at or after `time`; stored times are whole nanoseconds.
int64_t CeilNanos(absl::Time time) {
  const int64_t ns = codec::ToNanos(time);
  const bool below = codec::FromNanos(ns) < time;
  return below && ns < std::numeric_limits<int64_t>::max() ? ns + 1 : ns;
}

std::vector<Seq> Intersect(const std::vector<Seq>& few, const std::vector<Seq>& many) {
  std::vector<Seq> both;
  auto from = many.begin();
  for (const Seq seq : few) {
    from = std::lower_bound(from, many.end(), seq);
    if (from == many.end()) break;
    if (*from == seq) both.push_back(seq);
  }
  return both;
}

}  // namespace

absl::StatusOr<std::vector<Seq>> EventFilterResolver::Resolve(const EventFilter& filter,
                                                              SeqRange range) const {
  MM_ASSIGN_OR_RETURN(range, ClipByIngest(filter, range));
  if (range.first > range.last) return SeqList{};
  std::vector<SeqList> lists;
  if (filter.time_start || filter.time_end) {
    MM_ASSIGN_OR_RETURN(lists.emplace_back(), ByTime(filter, range));
  }
  const auto add = [&](Family family, const std::vector<std::string>& prefixes) -> absl::Status {
    MM_ASSIGN_OR_RETURN(lists.emplace_back(), ByPrefixes(family, prefixes, range));
    return absl::OkStatus();
  };
  std::vector<std::string> prefixes;
  for (const std::string& name : filter.modalities) {
    const auto known = modalities_.by_name.find(name);
    if (known != modalities_.by_name.end()) {
      prefixes.push_back(keys::ModalityPrefix(known->second.id));
    }
  }
  if (!filter.modalities.empty()) MM_RETURN_IF_ERROR(add(Family::kByModality, prefixes));
  prefixes.clear();
  for (const std::string& source : filter.sources) prefixes.push_back(keys::NamePrefix(source));
  if (!filter.sources.empty()) MM_RETURN_IF_ERROR(add(Family::kBySource, prefixes));
  prefixes.clear();
  for (const std::string& scene : filter.scenes) prefixes.push_back(keys::NamePrefix(scene));
  if (!filter.scenes.empty()) MM_RETURN_IF_ERROR(add(Family::kByScene, prefixes));
  for (const auto& [key, values] : filter.metadata) {
    prefixes.clear();
    for (const std::string& value : values) prefixes.push_back(keys::MetadataPrefix(key, value));
    MM_RETURN_IF_ERROR(add(Family::kByMetadata, prefixes));
  }
  if (lists.empty()) return AllEvents(range);
  std::sort(lists.begin(), lists.end(),
            [](const SeqList& a, const SeqList& b) { return a.size() < b.size(); });
  SeqList passing = std::move(lists.front());
  for (size_t i = 1; i < lists.size(); ++i) passing = Intersect(passing, lists[i]);
  return passing;
}

absl::StatusOr<SeqRange> EventFilterResolver::ClipByIngest(const EventFilter& filter,
                                                           SeqRange range) const {
  if (filter.ingest_start) {
    MM_ASSIGN_OR_RETURN(range.first, FirstIngestedAt(*filter.ingest_start, range));
  }
  if (filter.ingest_end && range.first <= range.last) {
    MM_ASSIGN_OR_RETURN(const Seq behind, FirstIngestedAt(*filter.ingest_end, range));
    range.last = behind - 1;
  }
  return range;
}

absl::StatusOr<Seq> EventFilterResolver::FirstIngestedAt(absl::Time time, SeqRange range) const {
  const int64_t wanted_ns = CeilNanos(time);
  const auto it = database_.Iterate(Family::kLog);
  Seq low = range.first;
  Seq high = range.last + 1;
  while (low < high) {
    const Seq middle = low + (high - low) / 2;
    it->Seek(keys::Number(middle));
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "log not read"));
    // Sequence numbers may have gaps: the entry found may lie behind `middle`, or behind the range.
    if (!it->Valid() || keys::LastNumber(it->key().ToStringView()) >= high) {
      high = middle;
      continue;
    }
    storage::v1::LogRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("log", key, it->value().ToStringView(), record));
    if (record.ingest_time_ns() < wanted_ns) {
      low = keys::LastNumber(key) + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::StatusOr<std::vector<Seq>> EventFilterResolver::AllEvents(SeqRange range) const {
  const std::string end = keys::Number(range.last + 1);
  const rocksdb::Slice upper(end);
  const auto it = database_.Iterate(Family::kLog, &upper);
  SeqList events;
  for (it->Seek(keys::Number(range.first)); it->Valid(); it->Next()) {
    storage::v1::LogRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("log", key, it->value().ToStringView(), record));
    if (record.has_event()) events.push_back(keys::LastNumber(key));
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "log not read"));
  return events;
}

absl::StatusOr<std::vector<Seq>> EventFilterResolver::ByTime(const EventFilter& filter,
                                                             SeqRange range) const {
  const int64_t start =
      filter.time_start ? CeilNanos(*filter.time_start) : std::numeric_limits<int64_t>::min();
  const std::string end =
      filter.time_end ? keys::TimePrefix(CeilNanos(*filter.time_end)) : std::string(16, '\xff');
  const rocksdb::Slice upper(end);
  const auto it = database_.Iterate(Family::kByTime, &upper);
  SeqList events;
  for (it->Seek(keys::TimePrefix(start)); it->Valid(); it->Next()) {
    const Seq seq = keys::LastNumber(it->key().ToStringView());
    if (seq >= range.first && seq <= range.last) events.push_back(seq);
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "events not read by time"));
  std::sort(events.begin(), events.end());
  return events;
}

absl::StatusOr<std::vector<Seq>> EventFilterResolver::ByPrefixes(
    Family family, const std::vector<std::string>& prefixes, SeqRange range) const {
  SeqList events;
  for (const std::string& prefix : prefixes) {
    const std::string end = keys::WithSeq(prefix, range.last + 1);
    const rocksdb::Slice upper(end);
    const auto it = database_.Iterate(family, &upper);
    for (it->Seek(keys::WithSeq(prefix, range.first)); it->Valid(); it->Next()) {
      events.push_back(keys::LastNumber(it->key().ToStringView()));
    }
    MM_RETURN_IF_ERROR(FromRocks(it->status(), "secondary keys not read"));
  }
  if (prefixes.size() > 1) {
    std::sort(events.begin(), events.end());
    events.erase(std::unique(events.begin(), events.end()), events.end());
  }
  return events;
}

}  // namespace mixmatch
