// Loads episodes with their features for a step of learning: two reads of many keys each.
#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "core/learning/training_source.h"
#include "storage/database_impl.h"
#include "storage/event_log.h"

namespace mixmatch {

// Appends the episodes of `ids`, in that order, each with its first `percepts_max` percepts in
// sequence order. NOT_FOUND for an unknown id, DATA_LOSS; then `episodes` is unchanged.
// Thread-safe.
absl::Status LoadTrainingEpisodes(const Database::Impl& database, const EventLog& log,
                                  size_t percepts_max, std::span<const EpisodeId> ids,
                                  std::vector<TrainingEpisode>& episodes);

}  // namespace mixmatch
