// Recall: a query becomes a point of the serving space; its neighbours become experiences.
//
// Takes queries in API messages; gives answers in API messages. Holds one generation from beginning
// to end of a call, so no similarity is ever taken across generations.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/generations/generations.h"
#include "mixmatch/v1/memory.pb.h"
#include "server/config.h"
#include "server/query_reader.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it. Every call
// computes and reads on the calling thread.
class Recaller {
 public:
  Recaller(const Config& config, const EventLog* log, const EpisodeTable* episodes,
           const Generations* generations)
      : config_(config),
        log_(log),
        episodes_(episodes),
        generations_(generations),
        reader_(config, log) {}

  absl::StatusOr<v1::RecallResponse> Recall(const v1::RecallRequest& request) const;
  absl::StatusOr<v1::EmbedResponse> Embed(const v1::EmbedRequest& request) const;
  absl::StatusOr<v1::GetEventResponse> GetEvent(const v1::GetEventRequest& request) const;
  absl::StatusOr<v1::ListEventsResponse> ListEvents(const v1::ListEventsRequest& request) const;
  // Neighbours found in a space, as experiences.
  absl::StatusOr<std::vector<v1::Experience>> Experiences(const Space& space,
                                                          std::span<const Neighbour> found,
                                                          v1::View view) const;
  absl::StatusOr<v1::GetEpisodeResponse> GetEpisode(const v1::GetEpisodeRequest& request) const;

 private:
  struct QueryPoint {
    std::vector<float> vector;  // [E], unit
    Seq own_event = 0;          // not among the answers; 0 when the query is no event
    EpisodeId own_episode = 0;
  };

  absl::StatusOr<QueryPoint> PointOf(const v1::Query& query, std::span<const ModalityId> partitions,
                                     const Space& space) const;
  absl::StatusOr<std::vector<float>> EmbedMixture(const v1::PerceptMixture& mixture,
                                                  const Space& space) const;
  // The middle of the percepts' own points, each weighed by how near its neighbours in `partitions`
  // are: what is unclear has none that are near.
  absl::StatusOr<std::vector<float>> EmbedByParts(const QueryPercepts& query,
                                                  std::span<const ModalityId> partitions,
                                                  const Space& space) const;
  absl::StatusOr<std::vector<float>> EmbedQuery(const QueryPercepts& query,
                                                const Space& space) const;
  absl::StatusOr<std::vector<ModalityId>> Partitions(const v1::RecallRequest& request) const;
  // What the filter lets pass, as ItemId::seq() values of the wanted partitions.
  absl::StatusOr<std::vector<Seq>> Allowed(const v1::Filter& filter, bool episodes) const;
  // Folds neighbours of identical content; `counts` gets how many each stands for.
  absl::StatusOr<std::vector<Neighbour>> Fold(std::span<const Neighbour> found,
                                              std::vector<uint64_t>& counts) const;
  absl::StatusOr<v1::StoredEvent> ReadEvent(Seq seq, v1::View view) const;
  absl::Status FillEpisode(EpisodeId id, bool with_events, v1::View view,
                           v1::Episode& episode) const;

  const Config config_;
  const EventLog* const log_;
  const EpisodeTable* const episodes_;
  const Generations* const generations_;
  const QueryReader reader_;
};

}  // namespace mixmatch
