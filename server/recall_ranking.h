// What recall makes of the neighbours that a search found: scores, the floor, folds and groups, and
// diversity.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/generations/generations.h"
#include "mixmatch/v1/memory.pb.h"
#include "server/recall_page.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch {

// What a request wants of its answers, within the ranges that the API gives.
struct RankingOptions {
  size_t k = 10;
  std::optional<float> similarity_min;
  absl::Duration half_life;  // zero: age does not count
  float diversity = 0;
  float negative_weight = 0.5F;
  bool fold_identical = false;
  bool group_by_episode = false;

  // INVALID_ARGUMENT names the field that is out of range.
  static absl::StatusOr<RankingOptions> From(const v1::RecallRequest& request);
  // Diversity chooses among so many of the best.
  size_t pool() const { return std::max<size_t>(100, 4 * k); }
};

// The direction in which answers are sought: likeness, less unlikeness. A search along it finds the
// best scores first, for scores are inner products with it.
struct Aim {
  std::vector<float> query;      // [E], unit: likeness alone
  std::vector<float> direction;  // [E], unit
  float scale = 1;               // score = scale * <direction, answer>
  std::set<Seq> excluded;        // events, or episodes, that do not answer
};

struct RankedAnswer {
  Neighbour found;
  float similarity = 0;  // to the query
  float score = 0;
  uint64_t identical_count = 1;
  uint64_t episode_hits = 0;
};

// Thread-safety: Immutable; safe to share. Borrows everything.
class RecallRanking {
 public:
  RecallRanking(const RankingOptions& options, const Aim* aim, const Space* space,
                const EventLog* log, const EpisodeTable* episodes, const RecallPage& page)
      : options_(options),
        aim_(*aim),
        space_(*space),
        log_(*log),
        episodes_(*episodes),
        page_(page) {}

  // What ages are counted to.
  absl::Time now() const { return page_.now; }

  // The contents of items that were read: what is ranked again is not read again.
  using Contents = std::map<ItemId, ContentHash>;
  // What may answer on this page, by score, the best first. `found` as searches along the aim's
  // direction gave them, without doubles.
  absl::StatusOr<std::vector<RankedAnswer>> Rank(std::span<const Neighbour> found,
                                                 Contents& contents) const;
  // Chooses `count` of the best `pool()` of `answers`, in the order of maximal marginal relevance.
  absl::Status Diversify(std::vector<RankedAnswer>& answers, size_t count) const;

 private:
  // Halves scores by age.
  absl::Status Age(std::vector<RankedAnswer>& answers) const;
  absl::Status FoldIdentical(std::vector<RankedAnswer>& answers, Contents& contents) const;
  absl::StatusOr<ContentHash> ContentOf(ItemId item) const;
  // Leaves what pages before gave.
  void TurnPage(std::vector<RankedAnswer>& answers) const;
  absl::Status GroupByEpisode(std::vector<RankedAnswer>& answers) const;

  const RankingOptions options_;
  const Aim& aim_;
  const Space& space_;
  const EventLog& log_;
  const EpisodeTable& episodes_;
  const RecallPage page_;
};

}  // namespace mixmatch
