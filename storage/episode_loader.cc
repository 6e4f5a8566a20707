// All episodes in one read, all their features in another.
#include "storage/episode_loader.h"

#include <iterator>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "storage/codec/envelope.h"
#include "storage/codec/episode_codec.h"
#include "storage/codec/features_codec.h"
#include "storage/keys.h"
#include "storage/many_values.h"
#include "storage/records.pb.h"

namespace mixmatch {
namespace {

// One percept to be loaded, and whose it is.
struct Wanted {
  size_t episode = 0;  // index among those loaded
  EpisodeMember member;
  uint32_t percept = 0;  // index in its event
};

absl::Status FeaturesDamaged(std::string_view key, const absl::Status& status) {
  return codec::Damaged("features", key,
                        std::string_view(status.message().data(), status.message().size()));
}

}  // namespace

absl::Status LoadTrainingEpisodes(const Database::Impl& database, const EventLog& log,
                                  size_t percepts_max, std::span<const EpisodeId> ids,
                                  std::vector<TrainingEpisode>& episodes) {
  const ManyValues records(database, Family::kEpisodes, keys::Numbers(ids));

  std::vector<TrainingEpisode> loaded(ids.size());
  std::vector<Wanted> wanted;
  std::vector<std::string> feature_names;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (records.IsMissing(i)) {
      return absl::NotFoundError(
          absl::StrCat("episode not loaded: no episode has id ", ids[i], "; check the id"));
    }
    storage::v1::EpisodeRecord record;
    MM_RETURN_IF_ERROR(records.Read(i, record));
    const Episode episode = codec::DecodeEpisode(ids[i], record);
    loaded[i].id = ids[i];
    size_t count = 0;
    for (const EpisodeMember& member : episode.members) {
      for (uint32_t p = 0; p < member.percept_count && count < percepts_max; ++p, ++count) {
        wanted.push_back({.episode = i, .member = member, .percept = p});
        feature_names.push_back(keys::FeaturesOf(member.seq, p));
      }
    }
    loaded[i].percepts.reserve(count);
  }

  const ManyValues features(database, Family::kFeatures, std::move(feature_names));
  absl::flat_hash_map<ModalityId, ModalitySpec> specs;
  for (RegisteredModality& modality : log.Modalities()) {
    specs[modality.id] = std::move(modality.spec);
  }
  storage::v1::FeaturesRecord record;
  for (size_t i = 0; i < wanted.size(); ++i) {
    const std::string& key = features.name(i);
    if (features.IsMissing(i)) return codec::Damaged("features", key, "it is missing");
    MM_RETURN_IF_ERROR(features.Read(i, record));
    TrainingPercept percept{.modality = {},
                            .features = {},
                            .time = wanted[i].member.time,
                            .seq = wanted[i].member.seq,
                            .index = wanted[i].percept};
    const absl::Status status =
        codec::DecodeFeatures(record, percept.modality_id, percept.features);
    if (!status.ok()) return FeaturesDamaged(key, status);
    const auto spec = specs.find(percept.modality_id);
    if (spec == specs.end()) {
      return codec::Damaged("features", key,
                            absl::StrCat("unknown modality ", percept.modality_id));
    }
    percept.modality = spec->second;
    loaded[wanted[i].episode].percepts.push_back(std::move(percept));
  }
  std::move(loaded.begin(), loaded.end(), std::back_inserter(episodes));
  return absl::OkStatus();
}

}  // namespace mixmatch
