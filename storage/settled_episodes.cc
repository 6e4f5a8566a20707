// What is behind the known end is read in one go, in the order of the keys.
#include "storage/settled_episodes.h"

#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/keys.h"
#include "storage/records.pb.h"
#include "storage/rocks_status.h"

namespace mixmatch {

absl::Status SettledEpisodes::ReadUpTo(const Database::Impl& database, Seq settled) {
  {
    const absl::ReaderMutexLock lock(&mu_);
    if (episodes_.size() + 1 >= settled) return absl::OkStatus();
  }
  const absl::MutexLock lock(&mu_);
  const Seq known = episodes_.size();
  if (known + 1 >= settled) return absl::OkStatus();
  std::vector<EpisodeId> fresh(settled - 1 - known);
  const std::string end = keys::Number(settled);
  const rocksdb::Slice upper(end);
  const auto it = database.Iterate(Family::kEpisodeOf, &upper);
  for (it->Seek(keys::Number(known + 1)); it->Valid(); it->Next()) {
    storage::v1::EpisodeOfRecord record;
    const std::string_view key = it->key().ToStringView();
    MM_RETURN_IF_ERROR(codec::Decode("episode_of", key, it->value().ToStringView(), record));
    fresh[keys::LastNumber(key) - known - 1] = record.episode_id();
  }
  MM_RETURN_IF_ERROR(FromRocks(it->status(), "episodes of events not read"));
  episodes_.insert(episodes_.end(), fresh.begin(), fresh.end());
  return absl::OkStatus();
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
