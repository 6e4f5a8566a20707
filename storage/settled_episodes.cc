// What is behind the known end is read in the order of the keys, and shown when it is whole.
#include "storage/settled_episodes.h"

#include <algorithm>
#include <string>

#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {
namespace {

constexpr Seq kReadAtOnce = 32768;  // some ten milliseconds

}  // namespace

Seq SettledEpisodes::first_unknown() const {
  const absl::ReaderMutexLock lock(&mu_);
  return episodes_.size() + 1;
}

absl::Status SettledEpisodes::ReadUpTo(const Database::Impl& database, Seq end) {
  const Seq first = first_unknown();
  if (first >= end) return absl::OkStatus();
  std::vector<EpisodeId> fresh(end - first);
  const std::string end_key = keys::Number(end);
  const rocksdb::Slice upper(end_key);
  const auto it = database.Iterate(Family::kEpisodeOf, &upper);
  for (it->Seek(keys::Number(first)); it->Valid(); it->Next()) {
    storage::v1::EpisodeOfRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("episode_of", key, it->value().ToStringView(), record));
    fresh[keys::LastNumber(key) - first] = record.episode_id();
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "episodes of events not read"));
  const absl::MutexLock lock(&mu_);
  // Someone else may have read a part of the same meanwhile.
  const size_t known = episodes_.size() - (first - 1);
  if (known < fresh.size()) {
    episodes_.insert(episodes_.end(), fresh.begin() + static_cast<ptrdiff_t>(known), fresh.end());
  }
  return absl::OkStatus();
}

EpisodeId SettledEpisodes::Known(Seq seq) const {
  const absl::ReaderMutexLock lock(&mu_);
  return seq >= 1 && seq <= episodes_.size() ? episodes_[seq - 1] : 0;
}

absl::StatusOr<bool> SettledEpisodes::ReadSome(const Database::Impl& database, Seq settled) {
  const Seq end = std::min<Seq>(settled, first_unknown() + kReadAtOnce);
  MM_RETURN_IF_ERROR(ReadUpTo(database, end));
  return end < settled;
}

absl::StatusOr<std::vector<EpisodeId>> SettledEpisodes::Of(const Database::Impl& database,
                                                           Seq settled,
                                                           std::span<const Seq> events) {
  MM_RETURN_IF_ERROR(ReadUpTo(database, settled));
  std::vector<EpisodeId> ids;
  const absl::ReaderMutexLock lock(&mu_);
  for (const Seq seq : events) {
    if (seq >= 1 && seq < settled && episodes_[seq - 1] != 0) ids.push_back(episodes_[seq - 1]);
  }
  return ids;
}

}  // namespace mixmatch
