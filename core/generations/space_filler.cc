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

}  // namespace

absl::StatusOr<size_t> SpaceFiller::Fill(const Encoder& encoder, EmbeddingSpace& space,
                                         size_t chunk, bool background) const {
  const SpaceCursor before = space.cursor();
  if (before.next_seq <= percepts_->last_seq()) {
    MM_ASSIGN_OR_RETURN(const size_t made, FillPercepts(encoder, space, chunk, background));
    // Entries without percepts (idle records) move the cursor and make nothing.
    if (made > 0) return made;
  }
  return FillEpisodes(encoder, space, chunk, background);
}

bool SpaceFiller::UpToDate(const EmbeddingSpace& space) const {
  const SpaceCursor cursor = space.cursor();
  return cursor.next_seq > percepts_->last_seq() && cursor.next_closed >= episodes_->closed_count();
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
  SpaceCursor cursor = space.cursor();
  std::vector<ClosedEpisode> closed;
  // An episode is a long mixture: an eighth of the chunk takes about the time of a chunk of
  // percepts.
  const size_t limit = std::max<size_t>(1, chunk / 8);
  MM_RETURN_IF_ERROR(episodes_->ListClosed(cursor.next_closed, limit, closed));
  if (closed.empty()) return 0;
  std::vector<EpisodeId> ids;
  for (const ClosedEpisode& episode : closed) ids.push_back(episode.id);
  cursor.next_closed += closed.size();
  return AppendEpisodes(encoder, space, ids, cursor, background);
}

absl::Status SpaceFiller::FillAgain(const Encoder& encoder, EmbeddingSpace& space,
                                    std::span<const EpisodeId> episodes) const {
  constexpr uint64_t kAtOnce = 64;
  const std::set<EpisodeId> wanted(episodes.begin(), episodes.end());
  const SpaceCursor cursor = space.cursor();
  std::vector<EpisodeId> ids;
  const auto flush = [&]() -> absl::Status {
    const absl::Status appended =
        AppendEpisodes(encoder, space, ids, cursor, /*background=*/false).status();
    ids.clear();
    return appended;
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
                                                   std::span<const EpisodeId> ids, SpaceCursor next,
                                                   bool background) const {
  std::vector<TrainingEpisode> episodes;
  MM_RETURN_IF_ERROR(episodes_->Load(ids, episodes));
  std::vector<Mixture> mixtures;
  std::vector<EmbeddedItem> items;
  for (const TrainingEpisode& episode : episodes) {
    Mixture mixture;
    for (const TrainingPercept& percept : episode.percepts) {
      mixture.push_back({&percept.modality, &percept.features});
    }
    if (mixture.empty()) continue;
    mixtures.push_back(std::move(mixture));
    items.push_back({.item = ItemId::ForEpisode(episode.id), .partition = kEpisodePartition});
  }
  std::vector<float> vectors(items.size() * static_cast<size_t>(encoder.config().embedding));
  if (!items.empty()) MM_RETURN_IF_ERROR(encoder.Embed(mixtures, vectors));
  MM_RETURN_IF_ERROR(space.Append(items, vectors, next, background));
  return items.size();
}

}  // namespace mixmatch
