// Keeps the knowledge graph: finds concepts in the serving space, and counts closed episodes.
//
// Follows the order in which episodes close. When another generation serves, or the memory has
// grown by half since concepts were found, it finds them anew and counts everything anew; meanwhile
// the graph of before answers.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "core/base/stoppable_sleep.h"
#include "core/generations/generations.h"
#include "core/graph/graph.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"
#include "storage/graph_table.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it.
class GraphKeeper {
 public:
  struct Parts {
    const EventLog* log = nullptr;
    const EpisodeTable* episodes = nullptr;
    const Generations* generations = nullptr;
    GraphTable* table = nullptr;
    AssociationSettings associations;
  };

  explicit GraphKeeper(const Parts& parts) : parts_(parts) {}
  ~GraphKeeper();

  void Start();
  // Ends the thread, soon.
  void Stop();

  // Calls `ask` with the graph and the space that its concepts are regions of. Nothing is counted
  // meanwhile: be quick. UNAVAILABLE while there is none.
  absl::Status Ask(const std::function<absl::Status(const Graph&, const Space&)>& ask) const;

 private:
  // A graph with what it is made of.
  struct Made {
    std::shared_ptr<const Space> space;
    std::unique_ptr<Graph> graph;
    uint64_t next_closed = 0;   // ordinal of the next episode to count
    uint64_t found_closed = 0;  // episodes there were when its concepts were found
  };

  void Run();
  // Counts what closed since. Returns whether anything was left.
  absl::StatusOr<bool> Follow();
  absl::Status Rebuild(const std::shared_ptr<const Space>& space, uint64_t closed);
  absl::StatusOr<StoredConcepts> Find(const Space& space, uint64_t closed);
  // Reads closed episodes [first, limit) and hands each to `take`; stops early at one that is not
  // embedded yet, or when the keeper is to stop. Returns the ordinal to go on from.
  absl::StatusOr<uint64_t> Read(const Space& space, uint64_t first, uint64_t limit,
                                const std::function<void(GraphEpisode&&)>& take) const;
  // NOT_FOUND while a percept is not embedded yet.
  absl::StatusOr<GraphEpisode> ReadEpisode(const Space& space, EpisodeId id) const;

  const Parts parts_;
  mutable absl::Mutex mu_;
  Made made_ ABSL_GUARDED_BY(mu_);  // changed by the thread alone
  StoppableSleep pause_;
  std::thread thread_;
};

}  // namespace mixmatch
