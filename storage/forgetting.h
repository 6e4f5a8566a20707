// Forgetting on request: what an event left behind is removed from the disk, not hidden.
//
// In two parts, as a restore is. While the daemon runs, it writes down what is to be forgotten.
// When it starts anew and nobody else has the database open, everything of those events goes:
// payloads, features, secondary keys, identity, lessons, their part in episodes, their embeddings
// and those of the episodes they were in; then the files that held them are written anew. Of an
// event its number stays in the log, with the time of forgetting, so that the chain goes on; and
// the hash of its identity, so that it is not taken for new. A process that is killed on the way
// goes on at its next start.
//
// What is trained cannot be taken out of weights; snapshots and backups are copies: both are the
// business of who asks.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/ids.h"
#include "storage/check/findings.h"
#include "storage/database.h"

namespace mixmatch {

struct ForgetCounts {
  uint64_t events = 0;
  uint64_t percepts = 0;
  uint64_t lessons = 0;   // skills' teachings whose example is one of the events
  uint64_t episodes = 0;  // that they are in
};

struct ForgetOptions {
  bool again_allowed = false;  // the same identities may be sent again
  // A new learner begins, from what remains; the checkpoints of the old one go, with every
  // generation's.
  bool new_learner = false;
};

// Counts what goes with these events; those that are none are left out. For now and while the
// daemon runs.
absl::StatusOr<ForgetCounts> CountToForget(Database* database, std::span<const Seq> events);

// Writes down what is to be forgotten at the next start, synced; added to what is written down
// already. Where a request is done but for its episodes' new embeddings, they wait for this one's.
absl::Status AskToForget(Database* database, std::span<const Seq> events,
                         const ForgetOptions& options, absl::Time now);

// Before anything else reads the database: forgets what was asked for. Returns whether something
// was; then EpisodesToEmbed() are still without an embedding, and EndForgetting() is to be called
// when they have theirs. On an error what was asked for is still written down, and some of it may
// be done: the next start goes on.
absl::StatusOr<std::optional<ForgetCounts>> ForgetAsAsked(Database* database,
                                                          const FsckProgress& progress);
absl::StatusOr<std::vector<EpisodeId>> EpisodesToEmbed(Database* database);
absl::Status EndForgetting(Database* database);

}  // namespace mixmatch
