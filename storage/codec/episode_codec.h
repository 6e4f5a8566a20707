// Episodes and the state of binding to and from their records.
#pragma once

#include "core/episodes/binder.h"
#include "core/episodes/episode.h"
#include "storage/records.pb.h"

namespace mixmatch::codec {

void EncodeEpisode(const Episode& episode, storage::v1::EpisodeRecord& record);
Episode DecodeEpisode(EpisodeId id, const storage::v1::EpisodeRecord& record);

// The open episodes themselves are stored on their own: here go their ids, last times and
// positions.
void EncodeScene(const SceneState& scene, storage::v1::SceneRecord& record);
// Leaves of each open episode everything but its id, last time and positions to the caller.
SceneState DecodeScene(const storage::v1::SceneRecord& record);

}  // namespace mixmatch::codec
