// Unions and intersections of sorted lists.
#include "storage/event_filter.h"

#include <algorithm>
#include <iterator>
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

// Where one list is much the shorter, its entries are looked up in the other.
constexpr size_t kMuchShorter = 16;

SeqList Intersect(const SeqList& few, const SeqList& many) {
  SeqList both;
  if (few.size() * kMuchShorter > many.size()) {
    std::set_intersection(few.begin(), few.end(), many.begin(), many.end(),
                          std::back_inserter(both));
    return both;
  }
  auto from = many.begin();
  for (const Seq seq : few) {
    from = std::lower_bound(from, many.end(), seq);
    if (from == many.end()) break;
    if (*from == seq) both.push_back(seq);
  }
  return both;
}

}  // namespace

absl::StatusOr<SeqList> EventFilterResolver::Resolve(const EventFilter& filter,
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
  for (const auto& [skill, labels] : filter.taught) {
    MM_ASSIGN_OR_RETURN(lists.emplace_back(), ByTeachings(skill, labels, range));
  }
  if (lists.empty()) return ByTime({}, range);
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

absl::StatusOr<SeqList> EventFilterResolver::ByTime(const EventFilter& filter,
                                                    SeqRange range) const {
  constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
  constexpr int64_t kBehindAll = std::numeric_limits<int64_t>::max();
  const int64_t start = filter.time_start ? CeilNanos(*filter.time_start) : kFirst;
  const int64_t end = filter.time_end ? CeilNanos(*filter.time_end) : kBehindAll;
  return postings_.ByTime(start, end, range.first, range.last);
}

absl::StatusOr<SeqList> EventFilterResolver::ByPrefixes(Family family,
                                                        const std::vector<std::string>& prefixes,
                                                        SeqRange range) const {
  SeqList events;
  for (const std::string& prefix : prefixes) {
    MM_ASSIGN_OR_RETURN(const auto known, postings_.Postings(family, prefix, range.last));
    const auto first = std::lower_bound(known->begin(), known->end(), range.first);
    const auto behind = std::upper_bound(first, known->end(), range.last);
    events.insert(events.end(), first, behind);
  }
  if (prefixes.size() > 1) {
    std::sort(events.begin(), events.end());
    events.erase(std::unique(events.begin(), events.end()), events.end());
  }
  return events;
}

absl::StatusOr<SeqList> EventFilterResolver::ByTeachings(const std::string& skill,
                                                         const std::vector<std::string>& labels,
                                                         SeqRange range) const {
  uint64_t id = 0;
  const auto skills = database_.Iterate(Family::kSkills);
  for (skills->SeekToFirst(); skills->Valid() && id == 0; skills->Next()) {
    storage::v1::SkillRecord record;
    const std::string_view key = skills->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("skills", key, skills->value().ToStringView(), record));
    if (record.name() == skill) id = keys::LastNumber(key);
  }
  MM_RETURN_IF_ERROR(FromRocks(skills->status(), "skills not read"));
  SeqList events;
  if (id == 0) return events;
  // Lessons about fresh percepts have numbers behind those of all events.
  const std::string end = keys::TeachingOf(id, range.last + 1);
  const rocksdb::Slice upper(end);
  const auto it = database_.Iterate(Family::kTeachings, &upper);
  for (it->Seek(keys::TeachingOf(id, range.first)); it->Valid(); it->Next()) {
    storage::v1::TeachingRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("teachings", key, it->value().ToStringView(), record));
    const auto wanted = [&labels](const std::string& label) {
      return std::find(labels.begin(), labels.end(), label) != labels.end();
    };
    const auto& taught = record.labels();
    if (labels.empty() || std::any_of(taught.begin(), taught.end(), wanted)) {
      events.push_back(keys::LastNumber(key));
    }
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "teachings not read"));
  return events;
}

}  // namespace mixmatch
