// Makes derived state anew from ground state, for a directory that no daemon holds.
//
// Secondary keys, counters and features are made here. Episodes, embeddings and the lists of the
// index are taken out, and the daemon makes them when it starts next, as it does after damage.
//
// Cut off, it leaves nothing that is taken for whole: what is taken out goes in one write, or space
// by space; features are put in the place of others one by one; and secondary keys, which are
// missing meanwhile, are gone on with by whoever opens the log next.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "storage/check/findings.h"
#include "storage/check/salvage.h"
#include "storage/database.h"

namespace mixmatch {

enum class RebuildWhat {
  kKeys,        // by time, scene, source, modality, metadata; and the count of events
  kFeatures,    // of payloads that are there: perceived again, as this program does
  kEpisodes,    // bound again
  kEmbeddings,  // of every kept generation: embedded again
  kIndex,       // the lists over embeddings: built again
};

// "keys", "features", "episodes", "embeddings", "index". INVALID_ARGUMENT.
absl::StatusOr<RebuildWhat> ParseRebuildWhat(std::string_view name);

// Synced when it returns; done again after a crash, it ends the same. DATA_LOSS where an entry of
// the log cannot be read, and then nothing was changed; where a payload cannot, and then features
// of other events may have been made.
absl::Status Rebuild(Database* database, RebuildWhat what, const MakeFeatures& make_features,
                     const FsckProgress& progress);

// Makes the secondary keys anew where that was cut off; else does nothing. DATA_LOSS where an entry
// of the log cannot be read.
absl::Status FinishRebuild(Database* database, const FsckProgress& progress);

}  // namespace mixmatch
