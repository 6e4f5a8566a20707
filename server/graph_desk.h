// What the Graph service does: targets become concepts, concepts and associations become answers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/graph/graph.h"
#include "mixmatch/v1/graph.pb.h"
#include "server/graph_keeper.h"
#include "server/query_reader.h"
#include "server/recaller.h"
#include "storage/event_log.h"

namespace mixmatch {

// Thread-safety: Safe for concurrent use. Borrows everything, which must outlive it. Every call
// computes and reads on the calling thread.
class GraphDesk {
 public:
  GraphDesk(const Config& config, const EventLog* log, const GraphKeeper* keeper,
            const Recaller* recaller)
      : log_(log), keeper_(keeper), recaller_(recaller), reader_(config, log) {}

  absl::StatusOr<v1::ListConceptsResponse> ListConcepts() const;
  absl::StatusOr<v1::GetConceptResponse> GetConcept(const v1::GetConceptRequest& request) const;
  absl::StatusOr<v1::ListAssociationsResponse> ListAssociations(
      const v1::ListAssociationsRequest& request) const;
  absl::StatusOr<v1::AssociateResponse> Associate(const v1::AssociateRequest& request) const;
  absl::StatusOr<v1::PredictNextResponse> PredictNext(const v1::PredictNextRequest& request) const;
  absl::StatusOr<v1::FindPathResponse> FindPath(const v1::FindPathRequest& request) const;
  absl::StatusOr<v1::GetTimelineResponse> GetTimeline(const v1::GetTimelineRequest& request) const;

 private:
  // What a target is made of, read before the graph is asked.
  struct Target {
    ConceptId id = 0;
    QueryPercepts percepts;
  };
  using Seeds = std::map<ConceptId, double>;  // with their weights

  absl::StatusOr<Target> Read(const v1::ConceptTarget& target, const std::string& field) const;
  // The concepts of a target. NOT_FOUND.
  absl::StatusOr<Seeds> SeedsOf(const Target& target, const Graph& graph, const Space& space) const;
  // The one that most of it is of.
  absl::StatusOr<ConceptId> OneOf(const Target& target, const Graph& graph,
                                  const Space& space) const;
  std::map<ModalityId, std::string> Modalities() const;
  v1::Concept ConceptProto(ConceptId id, const Graph& graph) const;
  // The stored percepts of these modalities nearest to a concept's middle, of those by which it is
  // known.
  absl::StatusOr<std::vector<v1::Experience>> Nearest(
      ConceptId id, const google::protobuf::RepeatedPtrField<std::string>& modalities, size_t count,
      const Graph& graph, const Space& space) const;

  const EventLog* const log_;
  const GraphKeeper* const keeper_;
  const Recaller* const recaller_;
  const QueryReader reader_;
};

}  // namespace mixmatch
