// Chunks of percepts in sequence order, then chunks of episodes in the order of their closing.
#include "core/generations/space_filler.h"

#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "core/base/status.h"

namespace mixmatch {
namespace {

// Identical content is embedded once and its vector repeated: a word that comes back every second
// costs one pass a chunk.
class DistinctMixtures {
 public:
  void Add(const StoredPercept& percept) {
    const auto [row, added] = rows_.emplace(percept.features.content, mixtures_.size());
    if (added) mixtures_.push_back({{&percept.modality, &percept.features}});
    row_of_.push_back(row->second);
  }

  // Embeds the distinct ones and lays them out again: [added, E].
  absl::StatusOr<std::vector<float>> Embed(const Encoder& encoder, size_t dimension) const {
    std::vector<float> distinct(mixtures_.size() * dimension);
    MM_RETURN_IF_ERROR(encoder.Embed(mixtures_, distinct));
    std::vector<float> vectors;
    vectors.reserve(row_of_.size() * dimension);
    for (const size_t row : row_of_) {
      const auto begin = distinct.begin() + static_cast<ptrdiff_t>(row * dimension);
      vectors.insert(vectors.end(), begin, begin + static_cast<ptrdiff_t>(dimension));
    }
    return vectors;
  }

 private:
  std::map<ContentHash, size_t> rows_;
  std::vector<Mixture> mixtures_;
  std::vector<size_t> row_of_;
};

// The embedding of an episode that is one percept, where that is embedded.
bool ReadSingle(const TrainingEpisode& episode, const EmbeddingSpace& space, std::span<float> out) {
  if (episode.percepts.size() != 1 || episode.percepts[0].modality_id == 0) return false;
  const TrainingPercept& percept = episode.percepts[0];
  return space.Read(percept.modality_id, ItemId::ForPercept(percept.seq, percept.index), out).ok();
}

}  // namespace

absl::StatusOr<size_t> SpaceFiller::Fill(const Encoder& encoder, EmbeddingSpace& space,
                                         size_t chunk, bool background) const {
  size_t percepts = 0;
  if (space.cursor().next_seq <= percepts_->last_seq()) {
    MM_ASSIGN_OR_RETURN(percepts, FillPercepts(encoder, space, chunk, background));
  }
  // In every call: where more and more comes, neither waits for the end of the other.
  const absl::StatusOr<size_t> episodes = FillEpisodes(encoder, space, chunk, background);
  if (episodes.ok()) return percepts + *episodes;
  // One that cannot be loaded does not hold up percepts.
  return percepts > 0 ? absl::StatusOr<size_t>(percepts) : episodes.status();
}

uint64_t SpaceFiller::Behind(const EmbeddingSpace& space) const {
  const SpaceCursor cursor = space.cursor();
  const Seq end = percepts_->last_seq() + 1;
  const uint64_t closed = episodes_->closed_count();
  return (end > cursor.next_seq ? end - cursor.next_seq : 0) +
         (closed > cursor.next_closed ? closed - cursor.next_closed : 0);
}

bool SpaceFiller::IsAhead(const EmbeddingSpace& space) const {
  return space.cursor().next_closed > episodes_->closed_count();
}

absl::StatusOr<size_t> SpaceFiller::FillPercepts(const Encoder& encoder, EmbeddingSpace& space,
                                                 size_t chunk, bool background) const {
  SpaceCursor cursor = space.cursor();
  std::vector<StoredPercept> percepts;
  MM_RETURN_IF_ERROR(percepts_->ScanPercepts(cursor.next_seq, chunk, percepts, cursor.next_seq));
  DistinctMixtures mixtures;
  std::vector<EmbeddedItem> items;
  items.reserve(percepts.size());
  for (const StoredPercept& percept : percepts) {
    mixtures.Add(percept);
    items.push_back({.item = percept.item, .partition = percept.modality_id});
  }
  std::vector<float> vectors;
  if (!items.empty()) {
    MM_ASSIGN_OR_RETURN(vectors,
                        mixtures.Embed(encoder, static_cast<size_t>(encoder.config().embedding)));
  }
  MM_RETURN_IF_ERROR(space.Append(items, vectors, cursor, background));
  return items.size();
}

absl::StatusOr<size_t> SpaceFiller::FillEpisodes(const Encoder& encoder, EmbeddingSpace& space,
                                                 size_t chunk, bool background) const {
  // They are loaded with their features, a few at a time: nobody says before how many percepts
  // an episode has.
  const size_t at_once = std::max<size_t>(1, chunk / 8);
  SpaceCursor cursor = space.cursor();
  std::vector<TrainingEpisode> episodes;
  for (size_t percepts = 0; percepts < chunk;) {
    std::vector<ClosedEpisode> closed;
    MM_RETURN_IF_ERROR(episodes_->ListClosed(cursor.next_closed, at_once, closed));
    // Not ahead of the percepts: nobody finds what begins behind what is recallable.
    const auto ahead = std::find_if(
        closed.begin(), closed.end(),
        [&cursor](const ClosedEpisode& episode) { return episode.id >= cursor.next_seq; });
    closed.erase(ahead, closed.end());
    if (closed.empty()) break;
    std::vector<EpisodeId> ids;
    for (const ClosedEpisode& episode : closed) ids.push_back(episode.id);
    const size_t before = episodes.size();
    MM_RETURN_IF_ERROR(episodes_->Load(ids, episodes));
    for (size_t i = before; i < episodes.size(); ++i) {
      percepts += std::max<size_t>(1, episodes[i].percepts.size());
    }
    cursor.next_closed += closed.size();
  }
  if (episodes.empty()) return 0;
  return AppendEpisodes(encoder, space, episodes, cursor, background);
}

absl::Status SpaceFiller::FillAgain(const Encoder& encoder, EmbeddingSpace& space,
                                    std::span<const EpisodeId> episodes) const {
  constexpr uint64_t kAtOnce = 64;
  const std::set<EpisodeId> wanted(episodes.begin(), episodes.end());
  const SpaceCursor cursor = space.cursor();
  std::vector<EpisodeId> ids;
  const auto flush = [&]() -> absl::Status {
    std::vector<TrainingEpisode> loaded;
    MM_RETURN_IF_ERROR(episodes_->Load(ids, loaded));
    ids.clear();
    return AppendEpisodes(encoder, space, loaded, cursor, /*background=*/false).status();
  };
  for (uint64_t first = 0; first < cursor.next_closed;) {
    std::vector<ClosedEpisode> closed;
    MM_RETURN_IF_ERROR(
        episodes_->ListClosed(first, std::min(kAtOnce, cursor.next_closed - first), closed));
    if (closed.empty()) break;
    first += closed.size();
    for (const ClosedEpisode& episode : closed) {
      if (wanted.contains(episode.id)) ids.push_back(episode.id);
    }
    if (ids.size() >= kAtOnce) MM_RETURN_IF_ERROR(flush());
  }
  return ids.empty() ? absl::OkStatus() : flush();
}

absl::StatusOr<size_t> SpaceFiller::AppendEpisodes(const Encoder& encoder, EmbeddingSpace& space,
                                                   std::span<const TrainingEpisode> episodes,
                                                   SpaceCursor next, bool background) {
  const auto dimension = static_cast<size_t>(encoder.config().embedding);
  std::vector<EmbeddedItem> items;
  std::vector<float> vectors;
  std::vector<Mixture> mixtures;
  std::vector<size_t> places;  // of the mixtures, among the items
  for (const TrainingEpisode& episode : episodes) {
    if (episode.percepts.empty()) continue;
    vectors.resize((items.size() + 1) * dimension);
    const std::span<float> vector = std::span(vectors).last(dimension);
    if (!ReadSingle(episode, space, vector)) {
      Mixture& mixture = mixtures.emplace_back();
      for (const TrainingPercept& percept : episode.percepts) {
        mixture.push_back({&percept.modality, &percept.features});
      }
      places.push_back(items.size());
    }
    items.push_back({.item = ItemId::ForEpisode(episode.id), .partition = kEpisodePartition});
  }
  std::vector<float> mixed(mixtures.size() * dimension);
  if (!mixtures.empty()) MM_RETURN_IF_ERROR(encoder.Embed(mixtures, mixed));
  for (size_t i = 0; i < places.size(); ++i) {
    std::copy_n(&mixed[i * dimension], dimension, &vectors[places[i] * dimension]);
  }
  MM_RETURN_IF_ERROR(space.Append(items, vectors, next, background));
  return items.size();
}

}  // namespace mixmatch
