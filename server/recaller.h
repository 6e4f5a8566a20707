// Recall: a query becomes a point of the serving space; its neighbours become experiences.
//
// Takes queries in API messages; gives answers in API messages. Holds one generation from beginning
// to end of a call, so no similarity is ever taken across generations.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/generations/generations.h"
#include "mixmatch/v1/memory.pb.h"
#include "server/config.h"
#include "server/query_embedder.h"
#include "server/recall_ranking.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch {

// What one answer may still hold.
// Thread-safety: Not thread-safe: one owner thread.
class AnswerBudget {
 public:
  // INVALID_ARGUMENT for field "view" when it is too much.
  absl::Status Take(size_t bytes);

 private:
  static constexpr size_t kAnswerBytesMax = 192 << 20;
  size_t bytes_ = 0;
};

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it. Every call
// computes and reads on the calling thread.
class Recaller {
 public:
  Recaller(const Config& config, const EventLog* log, const EpisodeTable* episodes,
           const Generations* generations, const Clock* clock)
      : config_(config),
        log_(log),
        episodes_(episodes),
        generations_(generations),
        clock_(clock),
        embedder_(config, log, episodes) {}

  absl::StatusOr<v1::RecallResponse> Recall(const v1::RecallRequest& request) const;
  absl::StatusOr<v1::EmbedResponse> Embed(const v1::EmbedRequest& request) const;
  absl::StatusOr<v1::GetEventResponse> GetEvent(const v1::GetEventRequest& request) const;
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request) const;
  // Neighbours found in a space, as experiences; without those that are not there any more.
  absl::StatusOr<std::vector<v1::Experience>> Experiences(const Space& space,
                                                          std::span<const Neighbour> found,
                                                          v1::View view) const;
  absl::StatusOr<v1::GetEpisodeResponse> GetEpisode(const v1::GetEpisodeRequest& request) const;

 private:
  // What a search came to.
  struct Answers {
    std::vector<RankedAnswer> ranked;  // the best first; one more than is shown, if there is one
    std::string plan;                  // of the last search
    uint64_t candidate_count = 0;      // of all searches
  };

  absl::StatusOr<Aim> AimOf(const v1::RecallRequest& request, const RankingOptions& options,
                            std::span<const ModalityId> partitions, const Space& space) const;
  // Searches until the best answers up to the page's end, `given` and k, are sure.
  absl::StatusOr<Answers> FindAnswers(const v1::RecallRequest& request,
                                      const RankingOptions& options,
                                      std::span<const ModalityId> partitions, const Aim& aim,
                                      size_t given, const RecallRanking& ranking,
                                      const Space& space) const;
  absl::StatusOr<std::vector<ModalityId>> Partitions(const v1::RecallRequest& request) const;
  // What the filter lets pass, as ItemId::seq() values of the wanted partitions.
  absl::StatusOr<std::vector<Seq>> Allowed(const EventFilter& filter, bool episodes) const;
  std::map<ModalityId, std::string> ModalityNames() const;
  // One for each of `found`, in order; none where the event or episode is not there any more.
  absl::StatusOr<std::vector<std::optional<v1::Experience>>> ReadExperiences(
      const Space& space, std::span<const Neighbour> found, v1::View view,
      AnswerBudget& budget) const;
  // Appends those of a few of them, which are read at once.
  absl::Status AppendExperiences(std::span<const Neighbour> found, v1::View view,
                                 AnswerBudget& budget,
                                 std::vector<std::optional<v1::Experience>>& experiences) const;
  // Fills the events of the answer's episode.
  absl::Status FillGroup(v1::View view, AnswerBudget& budget, v1::Experience& experience) const;
  absl::StatusOr<v1::StoredEvent> ReadEvent(Seq seq, v1::View view, AnswerBudget& budget) const;
  // Fills an episode with its events. NOT_FOUND, DATA_LOSS.
  absl::Status FillEpisode(EpisodeId id, v1::View view, AnswerBudget& budget,
                           v1::Episode& episode) const;

  const Config config_;
  const EventLog* const log_;
  const EpisodeTable* const episodes_;
  const Generations* const generations_;
  const Clock* const clock_;
  const QueryEmbedder embedder_;
};

}  // namespace mixmatch
