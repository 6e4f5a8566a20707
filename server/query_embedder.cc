// Percepts together or by parts, a stored event's, or a vector as it is.
#include "server/query_embedder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/skills/linear_algebra.h"
#include "server/part_weights.h"

namespace mixmatch {
namespace {

double SquaredLength(std::span<const float> vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * value;
  return squares;
}

// A query's vector, brought to length 1.
absl::StatusOr<std::vector<float>> UnitVector(const v1::Embedding& embedding,
                                              const std::string& field, const Space& space) {
  if (embedding.generation() != 0 && embedding.generation() != space.number) {
    return absl::FailedPreconditionError(
        absl::StrCat("query refused: its vector is of generation ", embedding.generation(),
                     ", which does not serve (", space.number, " does); embed it again"));
  }
  const auto dimension = static_cast<size_t>(space.embeddings->dimension());
  std::vector<float> vector(embedding.values().begin(), embedding.values().end());
  const double squares = SquaredLength(vector);
  if (vector.size() != dimension || !std::isfinite(squares) || squares <= 0) {
    return InvalidField(absl::StrCat(field, ".embedding.values"),
                        absl::StrCat("query refused: ", vector.size(),
                                     " numbers; send a finite vector other than 0 of ", dimension));
  }
  const double scale = 1.0 / std::sqrt(squares);  // of any size, also tiny ones
  for (float& value : vector) value = static_cast<float>(value * scale);
  return vector;
}

absl::StatusOr<std::vector<float>> EmbedTogether(const QueryPercepts& query, const Space& space) {
  const Mixture mixture = query.mixture();
  std::vector<float> vector(static_cast<size_t>(space.embeddings->dimension()));
  MM_RETURN_IF_ERROR(space.encoder->Embed({&mixture, 1}, vector));
  return vector;
}

}  // namespace

absl::StatusOr<QueryPoint> QueryEmbedder::PointOf(const v1::Query& query, const std::string& field,
                                                  std::span<const ModalityId> partitions,
                                                  const Space& space) const {
  QueryPoint point;
  switch (query.target_case()) {
    case v1::Query::kPercepts: {
      MM_ASSIGN_OR_RETURN(const QueryPercepts percepts,
                          reader_.Read(query.percepts(), absl::StrCat(field, ".percepts")));
      // Episodes are embedded as mixtures, and so found by them.
      const bool episodes = partitions.size() == 1 && partitions[0] == kEpisodePartition;
      MM_ASSIGN_OR_RETURN(point.vector, episodes ? EmbedTogether(percepts, space)
                                                 : EmbedByParts(percepts, partitions, space));
      return point;
    }
    case v1::Query::kEmbedding: {
      MM_ASSIGN_OR_RETURN(point.vector, UnitVector(query.embedding(), field, space));
      return point;
    }
    case v1::Query::kEvent:
      break;
    case v1::Query::TARGET_NOT_SET:
      return InvalidField(
          field, absl::StrCat(field, " refused: empty; give percepts, an event or an embedding"));
  }
  MM_ASSIGN_OR_RETURN(point.own_event, reader_.FindEvent(query.event()));
  MM_ASSIGN_OR_RETURN(point.own_episode, episodes_->EpisodeOf(point.own_event));
  MM_ASSIGN_OR_RETURN(const QueryPercepts percepts, reader_.ReadEvent(point.own_event));
  MM_ASSIGN_OR_RETURN(point.vector, EmbedTogether(percepts, space));
  return point;
}

absl::StatusOr<std::vector<float>> QueryEmbedder::PointOf(const v1::PerceptMixture& mixture,
                                                          const std::string& field,
                                                          const Space& space) const {
  MM_ASSIGN_OR_RETURN(const QueryPercepts query, reader_.Read(mixture, field));
  return EmbedTogether(query, space);
}

absl::StatusOr<double> QueryEmbedder::DistanceOf(const ModalitySpec& modality,
                                                 std::span<const float> point,
                                                 const Space& space) const {
  constexpr double kUnknown = std::numeric_limits<double>::infinity();
  const absl::StatusOr<RegisteredModality> known = log_->FindModality(modality.name);
  if (absl::IsNotFound(known.status())) return kUnknown;
  MM_RETURN_IF_ERROR(known.status());
  MM_ASSIGN_OR_RETURN(const SearchResult near,
                      space.embeddings->Search({&known->id, 1}, point, /*k=*/1, nullptr));
  if (near.neighbours.empty()) return kUnknown;
  return std::max(0.0, 1.0 - near.neighbours[0].similarity);
}

std::vector<std::string> QueryEmbedder::NamesOf(std::span<const ModalityId> partitions) const {
  std::vector<std::string> names;
  for (const RegisteredModality& modality : log_->Modalities()) {
    if (std::find(partitions.begin(), partitions.end(), modality.id) != partitions.end()) {
      names.push_back(modality.spec.name);
    }
  }
  return names;
}

absl::StatusOr<std::vector<float>> QueryEmbedder::EmbedByParts(
    const QueryPercepts& query, std::span<const ModalityId> partitions, const Space& space) const {
  const Mixture all = query.mixture();
  if (all.size() < 2) return EmbedTogether(query, space);
  std::vector<Mixture> mixtures;
  for (const MixturePercept& percept : all) mixtures.push_back({percept});
  const auto dimension = static_cast<size_t>(space.embeddings->dimension());
  std::vector<float> points(mixtures.size() * dimension);
  MM_RETURN_IF_ERROR(space.encoder->Embed(mixtures, points));
  std::vector<QueryPart> parts;
  std::vector<float> sum(dimension);
  for (size_t part = 0; part < all.size(); ++part) {
    const ModalitySpec& modality = *all[part].modality;
    const std::span<const float> point(points.data() + part * dimension, dimension);
    MM_ASSIGN_OR_RETURN(const double distance, DistanceOf(modality, point, space));
    parts.push_back({.modality = modality.name, .distance = distance});
    for (size_t i = 0; i < dimension; ++i) sum[i] += point[i];
  }
  // Of n unit vectors the sum's square is n and twice the cosines of all pairs.
  const auto count = static_cast<double>(parts.size());
  const double cosine = (SquaredLength(sum) - count) / (count * (count - 1));
  const std::vector<double> weights =
      PartWeights(parts, 1 - cosine, NamesOf(partitions), space.partner_distances);
  std::vector<float> vector(dimension);
  for (size_t part = 0; part < parts.size(); ++part) {
    const auto weight = static_cast<float>(weights[part]);
    for (size_t i = 0; i < dimension; ++i) vector[i] += weight * points[part * dimension + i];
  }
  Normalise(vector);
  return vector;
}

}  // namespace mixmatch
