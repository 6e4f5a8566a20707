// A query of any kind becomes a point of a space.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/ids.h"
#include "core/generations/generations.h"
#include "mixmatch/v1/memory.pb.h"
#include "server/config.h"
#include "server/query_reader.h"
#include "storage/episode_table.h"
#include "storage/event_log.h"

namespace mixmatch {

struct QueryPoint {
  std::vector<float> vector;  // [E], unit
  Seq own_event = 0;          // not among the answers; 0 when the query is no event
  EpisodeId own_episode = 0;
};

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it. Embeds and
// searches on the calling thread.
class QueryEmbedder {
 public:
  QueryEmbedder(const Config& config, const EventLog* log, const EpisodeTable* episodes)
      : log_(log), episodes_(episodes), reader_(config, log) {}

  // The point of `query`, which stands at `field` of its request, when answers are sought in
  // `partitions`. INVALID_ARGUMENT names the field; NOT_FOUND; FAILED_PRECONDITION for a vector of
  // another generation.
  absl::StatusOr<QueryPoint> PointOf(const v1::Query& query, const std::string& field,
                                     std::span<const ModalityId> partitions,
                                     const Space& space) const;
  // The point of percepts that are embedded together.
  absl::StatusOr<std::vector<float>> PointOf(const v1::PerceptMixture& mixture,
                                             const std::string& field, const Space& space) const;

  const QueryReader& reader() const { return reader_; }

 private:
  // The middle of the percepts' own points, each weighed by how near the nearest of its own
  // modality is: what is unclear is like nothing that is known. Where the points are far apart that
  // counts less, and how well its modality finds those of `partitions` counts more.
  absl::StatusOr<std::vector<float>> EmbedByParts(const QueryPercepts& query,
                                                  std::span<const ModalityId> partitions,
                                                  const Space& space) const;
  // The names of modalities, by id; none for kEpisodePartition.
  std::vector<std::string> NamesOf(std::span<const ModalityId> partitions) const;
  // 1 - cosine of the nearest percept of a modality; infinite where none is stored.
  absl::StatusOr<double> DistanceOf(const ModalitySpec& modality, std::span<const float> point,
                                    const Space& space) const;

  const EventLog* const log_;
  const EpisodeTable* const episodes_;
  const QueryReader reader_;
};

}  // namespace mixmatch
